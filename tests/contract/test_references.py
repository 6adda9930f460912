"""Reference pictures reach a local model: real pipelines, a real face encoder, random weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import structlog

from cluster.codecs.images import decode_image, to_png
from cluster.domain.identity.face import centroid
from cluster.domain.learning.adapter import AdapterVersion
from cluster.domain.render import Inpainting, RenderOrder
from cluster.errors import ProviderMissing, Unsupported
from cluster.ports import BlobStore, FaceEncoder, Pixels
from cluster.providers import face_encoder
from cluster.providers.diffusers.folder import BaseFolder, base_folder
from cluster.settings import ASSETS, GeneratorSettings, IdentitySettings
from tests import values
from tests.families import families
from tests.tiny_adapters import lora

if TYPE_CHECKING:
    from cluster.providers.diffusers.model import DiffusersImageModel

    Load = Callable[..., DiffusersImageModel]

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

SIDE, FILE = 64, "ip_adapter.safetensors"
PROMPT = "a knight in the rain"


@pytest.fixture(scope="module")
def faces() -> FaceEncoder:
    return face_encoder(IdentitySettings())


@pytest.fixture(scope="module")
def kairo(blobs: BlobStore) -> tuple[str, ...]:
    files = sorted((ASSETS / "kairo").glob("reference_*.png"))[:3]
    return tuple(blobs.put(file.read_bytes()) for file in files)


@pytest.fixture(scope="module", params=families("sd15", "sdxl"))
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> BaseFolder:
    """A tiny base model with an image-prompt adapter of random weights in its folder."""

    from tests.tiny_pipelines import FAMILIES, save

    folder = tmp_path_factory.mktemp("base") / request.param
    save(FAMILIES[request.param], folder)
    write_adapter(folder, folder / "ip_adapter" / FILE)
    return base_folder(str(folder))


def write_adapter(
    folder: Path, path: Path, face_model: str = "yunet-2023mar+sface-2021dec", tokens: int = 4
) -> None:
    import torch
    from diffusers import DiffusionPipeline
    from safetensors.torch import save_file

    from cluster.providers.diffusers.image_prompt import ImagePrompt, PromptShape

    torch.manual_seed(5)
    unet = DiffusionPipeline.from_pretrained(folder, local_files_only=True).unet
    prompt = ImagePrompt(unet, PromptShape(128, 2, tokens))
    tensors = {key: 0.5 * torch.randn_like(value) for key, value in prompt.tensors().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, {"face_model": face_model})


def settings(base: BaseFolder, **more: object) -> GeneratorSettings:
    fields = {"model": str(base.folder), "device": "cpu", "steps": 3, "guidance": 3.0}
    fields |= {"reference_scale": 0.7}
    return GeneratorSettings.model_validate(fields | more)


def order(references: tuple[str, ...] = (), seed: int = 7) -> RenderOrder:
    return RenderOrder(
        prompt=PROMPT, seed=seed, width_px=SIDE, height_px=SIDE, references=references
    )


@pytest.fixture(scope="module")
def load(blobs: BlobStore, faces: FaceEncoder) -> Load:
    from cluster.providers.diffusers.model import DiffusersImageModel

    def load(base: BaseFolder, **more: object) -> DiffusersImageModel:
        return DiffusersImageModel(settings(base, **more), blobs, lambda: faces)

    return load


def same(one: Pixels, other: Pixels) -> bool:
    return bool(np.array_equal(one, other))


def test_references_change_the_picture_and_their_absence_leaves_the_base_as_it_is(
    base: BaseFolder, load: Load, blobs: BlobStore, kairo: tuple[str, ...]
) -> None:
    from cluster.providers.diffusers.model import DiffusersImageModel

    bare = DiffusersImageModel(settings(base), blobs)
    model = load(base)
    assert (bare.capabilities.references, model.capabilities.references) == (False, True)
    plain = bare.render(order()).pixels
    assert same(bare.render(order(kairo)).pixels, plain)
    followed = model.render(order(kairo)).pixels
    assert not same(followed, plain)
    assert same(model.render(order()).pixels, plain)
    assert same(model.render(order(kairo)).pixels, followed)
    assert not same(model.render(order(kairo[:1])).pixels, followed)


def test_inpainting_follows_references_too(
    base: BaseFolder, load: Load, kairo: tuple[str, ...]
) -> None:
    model = load(base)
    before = model.render(order()).pixels
    mask = np.full((SIDE, SIDE), 255, np.uint8)
    task = Inpainting(prompt="a face", seed=1, strength=0.6)
    plain = model.inpaint(before, mask, task)
    assert not same(
        model.inpaint(before, mask, task.model_copy(update={"references": kairo})), plain
    )
    assert same(model.inpaint(before, mask, task), plain)


def test_what_is_served_equals_stock_diffusers(
    base: BaseFolder, load: Load, blobs: BlobStore, faces: FaceEncoder, kairo: tuple[str, ...]
) -> None:
    import torch
    from diffusers import DiffusionPipeline

    pipe = DiffusionPipeline.from_pretrained(base.folder, local_files_only=True)
    pipe.load_ip_adapter(
        str(base.folder), subfolder="ip_adapter", weight_name=FILE, image_encoder_folder=None
    )
    pipe.set_ip_adapter_scale(0.7)
    found = [faces.faces(decode_image(blobs.get(sha256)))[0].embedding for sha256 in kairo]
    vector = torch.from_numpy(centroid(np.stack(found)))[None]
    image = pipe(
        PROMPT,
        negative_prompt="",
        width=SIDE,
        height=SIDE,
        num_inference_steps=3,
        guidance_scale=3.0,
        generator=torch.Generator("cpu").manual_seed(7),
        output_type="np",
        ip_adapter_image_embeds=[torch.stack([torch.zeros_like(vector), vector])],
    ).images[0]
    ours = load(base).render(order(kairo)).pixels
    assert np.abs(ours / 255 - image).max() < 1e-3 + 0.5 / 255


def test_a_mixed_batch_equals_separate_runs(
    base: BaseFolder, load: Load, blobs: BlobStore, kairo: tuple[str, ...]
) -> None:
    model = load(base, reference_scale_lora=0.4)
    adapter = version(base, blobs)
    orders = [
        order(kairo, seed=1),
        order(seed=2),
        order(kairo[:1], seed=3).model_copy(update={"adapter": adapter}),
        order(seed=3).model_copy(update={"adapter": adapter}),
        order(kairo[1:], seed=4),
    ]
    together = [one.pixels for one in model.render_batch(orders)]
    apart = [model.render(one).pixels for one in orders]
    for one, other in zip(together, apart, strict=True):
        assert np.abs(one.astype(int) - other.astype(int)).max() <= 1  # rounding
    assert np.abs(apart[2].astype(int) - apart[3].astype(int)).max() > 5


def test_beside_an_adapter_references_count_as_the_settings_say(
    base: BaseFolder, load: Load, blobs: BlobStore, kairo: tuple[str, ...]
) -> None:
    adapter = version(base, blobs)
    adapted = order().model_copy(update={"adapter": adapter})
    both = order(kairo).model_copy(update={"adapter": adapter})
    silent, loud = load(base, reference_scale_lora=0), load(base, reference_scale_lora=0.7)
    alone = silent.render(adapted).pixels
    assert same(silent.render(both).pixels, alone)
    assert same(loud.render(adapted).pixels, alone)
    together = loud.render(both).pixels
    assert not same(together, alone)
    assert not same(together, loud.render(order(kairo)).pixels)


def test_references_without_a_face_are_said_and_left_out(
    base: BaseFolder, load: Load, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whatever another test made of the process's logging, what is said is heard here.
    from cluster.providers.diffusers import references as diffusers_references

    log = structlog.testing.CapturingLogger()
    monkeypatch.setattr(diffusers_references, "logger", lambda name: log)
    empty = blobs.put(to_png(np.full((96, 96, 3), 127, np.uint8)))
    model = load(base)
    assert same(model.render(order((empty,))).pixels, model.render(order()).pixels)
    assert [call.method_name for call in log.calls] == ["warning"]
    assert "no reference shows a face" in log.calls[0].args[0]


def version(base: BaseFolder, blobs: BlobStore) -> AdapterVersion:
    sha256 = blobs.put(lora(base, seed=1))
    return values.adapter(sha256=sha256, base_model=base.id, rank=4, alpha=4)


@pytest.mark.parametrize("fault", ["other face model", "other shape", "not finite", "no adapter"])
def test_an_adapter_that_cannot_be_used_is_refused_at_the_start(
    base: BaseFolder, load: Load, tmp_path: Path, fault: str
) -> None:
    import torch
    from safetensors.torch import save_file

    path = tmp_path / FILE
    match fault:
        case "other face model":
            write_adapter(base.folder, path, face_model="arcface")
        case "other shape":
            save_file({"image_proj.norm.weight": torch.ones(3)}, path)
        case "not finite":
            write_adapter(base.folder, path, tokens=1)
            spoilt = {"x": torch.ones(1)}
            save_file(spoilt, tmp_path / "other.safetensors")
            poison(path)
        case _:
            path.write_bytes(b"nothing")
    with pytest.raises(ProviderMissing) as caught:
        load(base, ip_adapter=path)
    assert "generator.ip_adapter" in caught.value.advice or "identity.pack" in caught.value.advice


def poison(path: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(path)
    tensors["image_proj.proj.0.bias"][0] = float("nan")
    save_file(tensors, path, {"face_model": "yunet-2023mar+sface-2021dec"})


def test_a_model_without_a_unet_says_so(
    load: Load, tiny_pipeline: Callable[[str], BaseFolder], tmp_path: Path
) -> None:
    flux = tiny_pipeline("flux")
    with pytest.raises(Unsupported, match="no UNet"):
        load(flux, ip_adapter=tmp_path / FILE)


def test_the_encoder_is_not_asked_for_without_an_adapter(
    sd15: BaseFolder, blobs: BlobStore, kairo: tuple[str, ...]
) -> None:
    import torch

    from cluster.providers.diffusers.load import inpainting_twin, load_pipeline
    from cluster.providers.diffusers.references import References

    absent = partial(pytest.fail, "the encoder was asked for")
    pipe = load_pipeline(sd15, torch.device("cpu"))
    references = References.of(pipe, sd15, settings(sd15), blobs, absent)
    assert not references.followed
    with references.shown([order(kairo)]):
        assert inpainting_twin(pipe) is not None
