"""Every family through the same contract: real pipelines, loaded from disk, random weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import save as save_tensors

from cluster.codecs.adapter_file import UP
from cluster.domain.learning.adapter import AdapterVersion
from cluster.domain.render import Inpainting, RenderOrder
from cluster.errors import BadAdapter, Invalid, NotFound, ProviderMissing
from cluster.ports import BlobStore, Pixels
from cluster.providers.diffusers.folder import BaseFolder, base_folder
from cluster.settings import GeneratorSettings
from tests import values
from tests.tiny_adapters import lora, tensors, with_alpha

if TYPE_CHECKING:
    from cluster.providers.diffusers.model import DiffusersImageModel


# SDXL's scheduler turns torch tensors into numpy arrays in a way that numpy 2 has deprecated.
pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

SIDE = 64
ORDER = RenderOrder(
    prompt="a knight in the rain", negative_prompt="blurry", seed=7, width_px=SIDE, height_px=SIDE
)


def load(folder: Path, blobs: BlobStore) -> DiffusersImageModel:
    from cluster.providers.diffusers.model import DiffusersImageModel

    settings = GeneratorSettings(model=str(folder), device="cpu", steps=3, guidance=3.0)
    return DiffusersImageModel(settings, blobs)


@pytest.fixture(scope="module")
def model(base: BaseFolder, blobs: BlobStore) -> DiffusersImageModel:
    return load(base.folder, blobs)


def version(blobs: BlobStore, content: bytes, number: int, model: str) -> AdapterVersion:
    return values.adapter(number, sha256=blobs.put(content), base_model=model, rank=4, alpha=4)


def painted(model: DiffusersImageModel, adapter: AdapterVersion | None = None) -> Pixels:
    return model.render(ORDER.model_copy(update={"adapter": adapter})).pixels


def same(one: Pixels, other: Pixels) -> bool:
    return bool(np.array_equal(one, other))


def test_a_picture_has_the_size_asked_for_and_says_what_made_it(model: DiffusersImageModel) -> None:
    rendering = model.render(ORDER.model_copy(update={"height_px": 80}))
    assert rendering.pixels.shape == (80, SIDE, 3)
    assert rendering.pixels.dtype == np.uint8
    assert (rendering.model, rendering.seed) == (model.capabilities.model, 7)
    assert rendering.pixels.std() > 1


def test_the_same_order_gives_the_same_pixels(model: DiffusersImageModel) -> None:
    first = painted(model)
    assert same(painted(model), first)
    assert not same(model.render(ORDER.model_copy(update={"seed": 8})).pixels, first)


def test_another_process_would_paint_the_same(
    base: BaseFolder, model: DiffusersImageModel, blobs: BlobStore
) -> None:
    assert same(painted(load(base.folder, blobs)), painted(model))


def test_the_prompt_is_read(model: DiffusersImageModel) -> None:
    assert not same(
        model.render(ORDER.model_copy(update={"prompt": "a red fox"})).pixels, painted(model)
    )


def test_capabilities_are_those_of_the_family(base: BaseFolder, model: DiffusersImageModel) -> None:
    able = model.capabilities
    expected = {
        "sd15": (64, 77, 2),
        "sdxl": (64, 77, 2),
        "flux": (256, 77, 4),
        "zimage": (256, 256, 4),
    }
    assert (able.width_px, able.token_budget, able.side_multiple_px) == expected[base.folder.name]
    assert (able.lora, able.inpaint) == (True, True)
    assert not able.references


@pytest.mark.parametrize(
    "size",
    [{"width_px": 65}, {"height_px": 32}, {"width_px": 0}, {"height_px": -64}, {"width_px": 4096}],
)
def test_a_size_that_cannot_be_painted_is_refused(
    model: DiffusersImageModel, size: dict[str, int]
) -> None:
    with pytest.raises(Invalid, match=next(iter(size))):
        model.render(ORDER.model_copy(update=size))


def test_an_adapter_changes_the_picture_and_leaves_the_base_as_it_was(
    base: BaseFolder, model: DiffusersImageModel, blobs: BlobStore
) -> None:
    bare = painted(model)
    one = version(blobs, lora(base, seed=1), 1, base.id)
    two = version(blobs, lora(base, seed=2, rank=8), 2, base.id)
    first, second = painted(model, one), painted(model, two)
    assert not same(first, bare)
    assert not same(second, first)
    assert same(painted(model), bare)
    assert same(painted(model, one), first)
    assert same(painted(model, two), second)


def test_alpha_counts(base: BaseFolder, model: DiffusersImageModel, blobs: BlobStore) -> None:
    plain = painted(model, version(blobs, lora(base, seed=3), 3, base.id))
    equal = painted(model, version(blobs, with_alpha(base, rank=4, alpha=4, seed=3), 4, base.id))
    weak = painted(model, version(blobs, with_alpha(base, rank=4, alpha=1, seed=3), 5, base.id))
    assert same(plain, equal)
    assert not same(plain, weak)


def test_what_is_served_equals_stock_diffusers(
    base: BaseFolder, model: DiffusersImageModel, blobs: BlobStore, tmp_path: Path
) -> None:
    import diffusers
    import torch

    content = lora(base, seed=6)
    (tmp_path / "kairo.safetensors").write_bytes(content)
    pipe = diffusers.DiffusionPipeline.from_pretrained(base.folder, local_files_only=True)
    pipe.load_lora_weights(str(tmp_path), weight_name="kairo.safetensors")
    taken = {"sd15", "sdxl", "zimage"} & {base.folder.name}
    image = pipe(
        prompt=[ORDER.prompt],
        width=SIDE,
        height=SIDE,
        num_inference_steps=3,
        guidance_scale=3.0,
        generator=torch.Generator("cpu").manual_seed(7),
        output_type="np",
        **({"negative_prompt": [ORDER.negative_prompt]} if taken else {}),
    ).images[0]
    ours = painted(model, version(blobs, content, 6, base.id)).astype(np.float64)
    assert np.abs(ours / 255 - image).max() < 1e-3 + 0.5 / 255


def poisoned(base: BaseFolder, value: float) -> bytes:
    found = tensors(base.layers)
    key = next(name for name in found if name.endswith(UP))
    found[key][0, 0] = value
    return bytes(save_tensors(found))


def widened(base: BaseFolder) -> bytes:
    found = tensors(base.layers)
    key = next(name for name in found if name.endswith(UP))
    found[key] = np.ones((found[key].shape[0] + 1, 4), np.float32)
    return bytes(save_tensors(found))


@pytest.mark.parametrize("fault", ["nan", "truncated", "wrong shape", "wrong base", "not stored"])
def test_a_bad_adapter_is_refused_and_what_was_served_stays(
    base: BaseFolder, model: DiffusersImageModel, blobs: BlobStore, fault: str
) -> None:
    good = version(blobs, lora(base, seed=1), 1, base.id)
    bare, served = painted(model), painted(model, good)
    match fault:
        case "nan":
            bad = version(blobs, poisoned(base, np.nan), 9, base.id)
        case "truncated":
            bad = version(blobs, lora(base, seed=9)[:-100], 9, base.id)
        case "wrong shape":
            bad = version(blobs, widened(base), 9, base.id)
        case "wrong base":
            bad = version(blobs, lora(base, seed=9), 9, "acme/other")
        case _:
            bad = good.model_copy(update={"version": 9, "sha256": "0" * 64})
    with pytest.raises(NotFound if fault == "not stored" else BadAdapter):
        painted(model, bad)
    assert same(painted(model, good), served)
    assert same(painted(model), bare)


def test_a_config_that_its_tensors_do_not_fit_is_refused(
    sd15: BaseFolder, blobs: BlobStore
) -> None:
    model = load(sd15.folder, blobs)
    bare = painted(model)
    # Loaders make the layers that the config asks for.
    content = with_alpha(sd15, rank=4, alpha=4, rank_pattern={"to_v": 8})
    liar = version(blobs, content, 11, sd15.id)
    with pytest.raises(BadAdapter, match="says rank 8"):
        painted(model, liar)
    assert same(painted(model), bare)
    assert model.resident == ()


def test_the_adapter_used_longest_ago_makes_room(sd15: BaseFolder, blobs: BlobStore) -> None:
    model = load(sd15.folder, blobs)
    slots = GeneratorSettings().adapter_slots
    one = tensors(sd15.layers, rank=2)
    only = {key: one[key] for key in sorted(one)[:2]}
    versions = [
        version(blobs, save_tensors({key: value * n for key, value in only.items()}), n, sd15.id)
        for n in range(1, slots + 3)
    ]
    pictures = [painted(model, one) for one in versions]
    assert len(model.resident) == slots
    assert not any(name.startswith(f"{versions[0].id}_") for name in model.resident)
    assert same(painted(model, versions[0]), pictures[0])
    assert same(painted(model, versions[-1]), pictures[-1])


def hole() -> Pixels:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[16:48, 16:48] = 255
    return mask


def test_inpainting_changes_only_what_the_mask_covers(
    base: BaseFolder, model: DiffusersImageModel, blobs: BlobStore
) -> None:
    before, mask = painted(model), hole()
    order = Inpainting(prompt="a face", seed=1, strength=0.6)
    after = model.inpaint(before, mask, order)
    assert same(after[mask == 0], before[mask == 0])
    assert not same(after[mask == 255], before[mask == 255])
    assert same(model.inpaint(before, mask, order), after)
    adapter = version(blobs, lora(base, seed=1), 1, base.id)
    with_adapter = model.inpaint(before, mask, order.model_copy(update={"adapter": adapter}))
    assert not same(with_adapter, after)
    assert same(painted(model), before)


def test_a_slight_strength_still_paints(model: DiffusersImageModel) -> None:
    before = painted(model)
    order = Inpainting(prompt="a face", seed=1, strength=0.05)
    assert model.inpaint(before, hole(), order).shape == before.shape


def test_inpainting_takes_read_only_pixels(model: DiffusersImageModel) -> None:
    before, mask = painted(model), hole()
    before.setflags(write=False)
    mask.setflags(write=False)
    assert model.inpaint(before, mask, Inpainting(prompt="a", seed=1, strength=0.9)).any()


def test_a_mask_of_another_size_is_refused(model: DiffusersImageModel) -> None:
    order = Inpainting(prompt="a", seed=1, strength=0.9)
    with pytest.raises(Invalid, match="inpaint needs"):
        model.inpaint(painted(model), np.zeros((8, 8), np.uint8), order)


def test_a_shipped_half_precision_folder_is_loaded(
    sd15: BaseFolder, blobs: BlobStore, tmp_path: Path
) -> None:
    import diffusers

    folder = tmp_path / "sd15-fp16"
    pipe = diffusers.DiffusionPipeline.from_pretrained(sd15.folder, local_files_only=True)
    pipe.to(dtype=diffusers.utils.torch_utils.torch.float16)
    pipe.save_pretrained(folder, variant="fp16", max_shard_size="1MB")
    assert base_folder(str(folder)).variant == "fp16"
    assert base_folder(str(folder)).layers.shapes == sd15.layers.shapes
    assert painted(load(folder, blobs)).shape == (SIDE, SIDE, 3)


def test_a_missing_model_says_what_to_do(tmp_path: Path, blobs: BlobStore) -> None:
    for name in (str(tmp_path), str(tmp_path / "nowhere"), "acme/never-fetched"):
        with pytest.raises(ProviderMissing) as caught:
            load(Path(name), blobs)
        assert "generator.model" in caught.value.advice


def test_a_broken_folder_is_named(tmp_path: Path, blobs: BlobStore) -> None:
    (tmp_path / "model_index.json").write_text('{"_class_name": "NoSuchPipeline"}')
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "x.safetensors").write_bytes(save_tensors({"a.weight": np.ones(3)}))
    with pytest.raises(ProviderMissing, match="cannot be loaded"):
        load(tmp_path, blobs)


def test_a_device_that_is_not_there_is_named(sd15: BaseFolder, blobs: BlobStore) -> None:
    from cluster.providers.diffusers.model import DiffusersImageModel

    settings = GeneratorSettings(model=str(sd15.folder), device="cuda:99")
    with pytest.raises(ProviderMissing, match="cuda:99"):
        DiffusersImageModel(settings, blobs)
