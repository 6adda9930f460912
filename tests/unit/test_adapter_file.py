import json
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import save

from cluster.codecs.adapter_file import DOWN, UP, BaseLayers, check_fits, read_adapter
from cluster.errors import BadAdapter
from tests.tiny_adapters import tensors

BASE = BaseLayers(
    model="cineai/studio",
    component="unet",
    shapes={
        "down.attn1.to_q": (32, 32),
        "down.attn2.to_k": (32, 48),
        "conv_in": (32, 4, 3, 3),
        "norm": (32,),
    },
)
KEY = "unet.down.attn1.to_q"
WEIGHTS = "5" * 64


def fits(content: bytes) -> None:
    check_fits(read_adapter(content), BASE, lambda: WEIGHTS)


def refusal(content: bytes) -> str:
    with pytest.raises(BadAdapter) as caught:
        fits(content)
    return caught.value.message


def changed(**halves: npt.NDArray[Any] | None) -> bytes:
    found = tensors(BASE)
    for half, value in halves.items():
        key = KEY + (DOWN if half == "down" else UP)
        if value is None:
            del found[key]
        else:
            found[key] = value
    return bytes(save(found))


def test_a_good_file_tells_its_rank_alpha_trigger_and_base() -> None:
    metadata = {"base_model": "cineai/studio", "alpha": "4", "trigger": "sks", "format": "pt"}
    file = read_adapter(save(tensors(BASE), metadata))
    check_fits(file, BASE, lambda: WEIGHTS)
    assert (file.component, file.rank, file.alpha, file.trigger) == ("unet", 4, 4.0, "sks")
    assert set(file.modules) == {"down.attn1.to_q", "down.attn2.to_k"}


def test_a_trained_file_says_what_it_was_made_from_and_how_good_it_was() -> None:
    facts = {"manifest": "5" * 64, "idr_before": "0.2100", "idr_after": "0.8300"}
    file = read_adapter(save(tensors(BASE), facts))
    assert (file.manifest, file.idr_before, file.idr_after) == ("5" * 64, 0.21, 0.83)
    assert read_adapter(save(tensors(BASE), {"idr_before": ""})).idr_before is None


@pytest.mark.parametrize("figure", ["high", "1.5", "-0.1", "nan"])
def test_an_identity_figure_that_can_be_none_is_refused(figure: str) -> None:
    assert refusal(save(tensors(BASE), {"idr_after": figure})).startswith("idr_after")


@pytest.mark.parametrize("length", [0, 7, 64, 4096])
def test_noise_is_refused(length: int) -> None:
    content = np.random.default_rng(length).bytes(length)
    assert "safetensors" in refusal(content)


def test_alpha_comes_from_where_loaders_look_for_it() -> None:
    metadata = {"lora_adapter_metadata": json.dumps({"unet.r": 4, "unet.lora_alpha": 8})}
    assert read_adapter(save(tensors(BASE), metadata)).alpha == 8


def test_an_alpha_that_loaders_would_ignore_is_refused() -> None:
    assert "loaders will apply 4" in refusal(save(tensors(BASE), {"alpha": "16"}))


def test_a_convolution_can_be_adapted() -> None:
    down, up = np.ones((2, 4, 3, 3), np.float32), np.ones((32, 2, 1, 1), np.float32)
    fits(save({"unet.conv_in" + DOWN: down, "unet.conv_in" + UP: up}))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_values_that_are_not_finite_are_refused_by_name(value: float, dtype: type) -> None:
    up: npt.NDArray[Any] = np.ones((32, 4), dtype)
    up[3, 1] = value
    message = refusal(changed(up=up))
    assert KEY + UP in message
    assert "NaN or infinite" in message


def bfloat16(bits: int) -> bytes:
    """A file whose tensors are all of one bfloat16 value; numpy cannot write that dtype."""
    header, data = {}, b""
    for key, value in tensors(BASE).items():
        start = len(data)
        data += struct.pack("<H", bits) * value.size
        span = [start, len(data)]
        header[key] = {"dtype": "BF16", "shape": list(value.shape), "data_offsets": span}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def test_bfloat16_is_read_without_torch() -> None:
    fits(bfloat16(0x3F80))  # 1.0


@pytest.mark.parametrize("bits", [0x7FC0, 0x7F80, 0xFF80])
def test_bfloat16_nan_and_infinity_are_refused(bits: int) -> None:
    assert "NaN or infinite" in refusal(bfloat16(bits))


def test_whole_numbers_are_refused() -> None:
    assert "dtype I32" in refusal(changed(up=np.ones((32, 4), np.int32)))


def test_half_a_pair_is_refused() -> None:
    assert f"{KEY + UP}: missing" in refusal(changed(up=None))


def test_factors_of_different_rank_are_refused() -> None:
    assert "rank 3" in refusal(changed(up=np.ones((32, 3), np.float32)))


def test_a_wrong_input_width_is_refused() -> None:
    assert f"{KEY + DOWN}: shape (4, 40)" in refusal(changed(down=np.ones((4, 40), np.float32)))


def test_a_wrong_output_width_is_refused() -> None:
    assert f"{KEY + UP}: shape (48, 4)" in refusal(changed(up=np.ones((48, 4), np.float32)))


def test_a_layer_that_the_base_does_not_have_is_refused() -> None:
    found = {key.replace("down.", "up."): value for key, value in tensors(BASE).items()}
    assert "unet.up.attn1.to_q: cineai/studio has no such layer" in refusal(save(found))


def test_a_norm_cannot_be_adapted() -> None:
    pair = {"unet.norm" + DOWN: np.ones((1, 32), np.float32)}
    pair["unet.norm" + UP] = np.ones((32, 1), np.float32)
    assert "unet.norm" in refusal(save(pair))


def test_a_file_for_the_other_kind_of_denoiser_is_refused() -> None:
    found = {key.replace("unet.", "transformer.", 1): v for key, v in tensors(BASE).items()}
    assert "adapts a transformer" in refusal(save(found))


@pytest.mark.parametrize(
    "key",
    [
        "text_encoder.layers.0.q_proj.lora_A.weight",
        "unet.down.attn1.to_q.lora.down.weight",
        "unet.down.attn1.to_q.lora_magnitude_vector.weight",
        "lora_unet_down_attn1_to_q.lora_down.weight",
    ],
)
def test_a_foreign_key_is_refused_although_the_others_are_good(key: str) -> None:
    assert refusal(save(tensors(BASE) | {key: np.ones((4, 32), np.float32)})).startswith(key)


def test_another_base_model_is_refused() -> None:
    assert "trained on acme/xl" in refusal(save(tensors(BASE), {"base_model": "acme/xl"}))


def test_other_weights_of_the_same_base_are_refused() -> None:
    metadata = {"base_model": "cineai/studio", "base_sha256": "6" * 64}
    assert "other weights" in refusal(save(tensors(BASE), metadata))


def test_the_weights_decide_when_the_base_goes_by_another_name() -> None:
    fits(save(tensors(BASE), {"base_model": "a/copy", "base_sha256": WEIGHTS}))


def test_large_weights_are_hashed_only_for_a_file_that_names_them() -> None:
    def hash_them() -> str:
        raise AssertionError("hashed")

    check_fits(read_adapter(save(tensors(BASE))), BASE, hash_them)


@pytest.mark.parametrize("kept", [0, 4, 40, 0.5, 0.999])
def test_a_truncated_file_is_refused(kept: float) -> None:
    whole = save(tensors(BASE))
    cut = whole[: int(kept * len(whole)) if isinstance(kept, float) else kept]
    assert "not a " in refusal(cut)


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04" * 100,
        struct.pack("<Q", 2) + b"[]",
        b"\0" * 64,
        struct.pack("<Q", 9000) + b"[" * 9000,
    ],
)
def test_what_is_no_safetensors_file_is_refused(content: bytes) -> None:
    assert refusal(content)


def test_a_file_without_tensors_is_refused() -> None:
    assert "exactly one part" in refusal(save({}))


@pytest.mark.parametrize(
    "option",
    [{"use_dora": True}, {"lora_bias": True}, {"bias": "all"}, {"init_lora_weights": "pissa"}],
)
def test_what_would_change_more_than_the_adapted_layers_is_refused(
    option: dict[str, object],
) -> None:
    config = {f"unet.{name}": value for name, value in option.items()}
    metadata = {"lora_adapter_metadata": json.dumps(config)}
    assert refusal(save(tensors(BASE), metadata)).startswith("lora_adapter_metadata")


def test_a_gaussian_start_is_plain() -> None:
    metadata = {"lora_adapter_metadata": json.dumps({"unet.init_lora_weights": "gaussian"})}
    fits(save(tensors(BASE), metadata))


def test_a_header_whose_rank_is_not_the_tensors_is_refused() -> None:
    metadata = {"lora_adapter_metadata": json.dumps({"unet.r": 16})}
    assert "says rank 16" in refusal(save(tensors(BASE), metadata))


@pytest.mark.parametrize("text", ["{", "[1]", '{"unet.lora_alpha": "much"}', '{"unet.r": [4]}'])
def test_broken_metadata_is_refused(text: str) -> None:
    assert "__metadata__" in refusal(save(tensors(BASE), {"lora_adapter_metadata": text}))


def scales_of(**config: object) -> dict[str, float]:
    declared = json.dumps({f"unet.{name}": value for name, value in config.items()})
    return read_adapter(save(tensors(BASE), {"lora_adapter_metadata": declared})).scales


def test_every_pair_counts_fully_where_nothing_else_is_said() -> None:
    assert set(read_adapter(save(tensors(BASE))).scales.values()) == {1.0}


def test_alpha_over_rank_is_the_scale_and_patterns_name_the_end_of_a_path() -> None:
    found = scales_of(r=4, lora_alpha=2, alpha_pattern={"attn1.to_q": 8})
    assert {name: scale for name, scale in found.items() if scale != 0.5} == {
        name: 2.0 for name in found if name.endswith("attn1.to_q")
    }
    assert any(name.endswith("attn1.to_q") for name in found)


def test_rank_stabilised_adapters_are_divided_by_the_root() -> None:
    assert set(scales_of(r=4, lora_alpha=4, use_rslora=True).values()) == {2.0}


@pytest.mark.parametrize("pattern", [{"(a+)+$": 4}, {"to_q": "much"}, [4]])
def test_a_pattern_that_is_not_a_layers_name_is_refused(pattern: object) -> None:
    config = json.dumps({"unet.alpha_pattern": pattern})
    assert "alpha_pattern" in refusal(save(tensors(BASE), {"lora_adapter_metadata": config}))


def test_a_rank_above_what_is_served_is_refused() -> None:
    file = read_adapter(save(tensors(BASE)))
    check_fits(file, BASE, lambda: WEIGHTS, 4)
    with pytest.raises(BadAdapter, match="ranks up to 3"):
        check_fits(file, BASE, lambda: WEIGHTS, 3)
