"""Pictures with an adapter are guided later than those from words alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cluster.codecs.adapter_file import read_adapter
from cluster.domain.learning.adapter import AdapterVersion
from cluster.domain.render import Inpainting, RenderOrder
from cluster.ports import BlobStore, Pixels
from cluster.providers.diffusers.folder import BaseFolder
from cluster.providers.diffusers.profile import in_force
from cluster.settings import ASSETS, GeneratorSettings
from tests import values
from tests.families import families
from tests.tiny_adapters import lora

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

SIDE_PX, STEPS, SCALE = 64, 10, 3.0
UNGUIDED = 1 + 1e-6  # guides nothing, and the pipeline goes on to answer no prompt
ORDER = RenderOrder(prompt="a knight", seed=7, width_px=SIDE_PX, height_px=SIDE_PX)


@pytest.fixture(scope="module", params=families("sd15", "sdxl"))
def unet(request: pytest.FixtureRequest, tiny_pipeline: Callable[[str], BaseFolder]) -> BaseFolder:
    return tiny_pipeline(request.param)


@pytest.fixture(scope="module")
def adapter(unet: BaseFolder, blobs: BlobStore) -> AdapterVersion:
    sha256 = blobs.put(lora(unet, seed=1))
    return values.adapter(1, sha256=sha256, base_model=unet.id, rank=4, alpha=4)


def settings(unet: BaseFolder, start: float = 0.4) -> GeneratorSettings:
    return GeneratorSettings(
        model=str(unet.folder), device="cpu", steps=STEPS, guidance=SCALE, guidance_start_lora=start
    )


def stock(
    unet: BaseFolder, content: bytes | None, folder: Path, first: float, then: float, noise: float
) -> npt.NDArray[np.float32]:
    """Guided by `first`, and by `then` once no more than `noise` is left, as diffusers' own guide
    to callbacks changes guidance."""

    import torch
    from diffusers import DiffusionPipeline

    pipe = DiffusionPipeline.from_pretrained(unet.folder, local_files_only=True)
    if content is not None:
        (folder / "lora.safetensors").write_bytes(content)
        pipe.load_lora_weights(str(folder), weight_name="lora.safetensors")

    def turn(_: object, step: int, __: object, tensors: dict[str, Any]) -> dict[str, Any]:
        coming = pipe.scheduler.timesteps[step + 1 : step + 2]
        if len(coming) and coming[0] <= noise * 1000:
            pipe._guidance_scale = then
        return tensors

    painted = pipe(
        ORDER.prompt,
        negative_prompt="",
        width=SIDE_PX,
        height=SIDE_PX,
        num_inference_steps=STEPS,
        guidance_scale=first,
        generator=torch.Generator("cpu").manual_seed(7),
        output_type="np",
        callback_on_step_end=turn,
    )
    return np.asarray(painted.images[0], np.float32)


def apart(ours: Pixels, theirs: npt.NDArray[np.float32]) -> float:
    """Beyond rounding to levels."""
    return float(np.abs(ours / 255 - theirs).max()) - 0.5 / 255


def test_a_picture_with_an_adapter_is_stock_diffusers_guided_later(
    unet: BaseFolder, blobs: BlobStore, adapter: AdapterVersion, tmp_path: Path
) -> None:
    from cluster.providers.diffusers.model import DiffusersImageModel

    model = DiffusersImageModel(settings(unet), blobs)
    ours = model.render(ORDER.model_copy(update={"adapter": adapter})).pixels
    content = blobs.get(adapter.sha256)
    assert apart(ours, stock(unet, content, tmp_path, UNGUIDED, SCALE, noise=0.6)) < 1e-3
    assert apart(ours, stock(unet, content, tmp_path, SCALE, SCALE, noise=0.6)) > 1e-3


def test_words_alone_are_guided_as_ever_beside_an_adapter(
    unet: BaseFolder, blobs: BlobStore, adapter: AdapterVersion, tmp_path: Path
) -> None:
    from cluster.providers.diffusers.model import DiffusersImageModel

    model = DiffusersImageModel(settings(unet), blobs)
    mixed = [ORDER, ORDER.model_copy(update={"adapter": adapter})]
    plain, adapted = (one.pixels for one in model.render_batch(mixed))
    assert apart(plain, stock(unet, None, tmp_path, SCALE, SCALE, noise=0.6)) < 1e-3
    alone = model.render(mixed[1]).pixels
    assert np.abs(adapted.astype(int) - alone).max() <= 1


def test_what_is_painted_over_with_little_noise_is_guided_at_once(
    unet: BaseFolder, blobs: BlobStore, adapter: AdapterVersion
) -> None:
    from cluster.providers.diffusers.model import DiffusersImageModel

    before, mask = np.full((SIDE_PX, SIDE_PX, 3), 128, np.uint8), np.zeros((SIDE_PX,) * 2, np.uint8)
    mask[16:48, 16:48] = 255
    late, early = (DiffusersImageModel(settings(unet, start=start), blobs) for start in (0.4, 0))

    def apart(strength: float) -> int:
        task = Inpainting(prompt="a knight", seed=3, strength=strength, adapter=adapter)
        one, other = (model.inpaint(before, mask, task) for model in (late, early))
        return int(np.abs(one.astype(int) - other).max())

    assert apart(strength=0.5) == 0
    assert apart(strength=1.0) > 0


def test_probes_are_painted_as_the_service_will(
    unet: BaseFolder, blobs: BlobStore, adapter: AdapterVersion, tmp_path: Path
) -> None:
    from diffusers import DiffusionPipeline

    from cluster.providers.diffusers.model import DiffusersImageModel
    from training.lora.painter import PipelinePainter

    served = DiffusersImageModel(settings(unet), blobs)
    ours = served.render(ORDER.model_copy(update={"adapter": adapter})).pixels
    pipe = DiffusionPipeline.from_pretrained(unet.folder, local_files_only=True)
    (tmp_path / "lora.safetensors").write_bytes(blobs.get(adapter.sha256))
    pipe.load_lora_weights(str(tmp_path), weight_name="lora.safetensors")
    profile = in_force(unet.profile, settings(unet)).profile
    paint = PipelinePainter(pipe, profile, SIDE_PX)
    assert np.abs(paint("a knight", 7, adapted=True).astype(int) - ours).max() <= 1
    assert np.abs(paint("a knight", 7).astype(int) - ours).max() > 1


def test_only_the_embedded_model_differs_unasked(
    unet: BaseFolder, blobs: BlobStore, adapter: AdapterVersion, tmp_path: Path
) -> None:
    from cluster.providers.diffusers.model import DiffusersImageModel

    unasked = GeneratorSettings(model=str(unet.folder), device="cpu", steps=STEPS, guidance=SCALE)
    order = ORDER.model_copy(update={"adapter": adapter})
    ours = DiffusersImageModel(unasked, blobs).render(order).pixels
    content = blobs.get(adapter.sha256)
    assert apart(ours, stock(unet, content, tmp_path, SCALE, SCALE, noise=0.6)) < 1e-3


def test_the_embedded_model_guides_kairo_later(blobs: BlobStore) -> None:
    from cluster.providers.diffusers.model import DiffusersImageModel

    content = (ASSETS / "kairo" / "char_kairo_v1.safetensors").read_bytes()
    file = read_adapter(content)
    kairo = values.adapter(
        1, sha256=blobs.put(content), base_model="cineai/studio", rank=file.rank, alpha=file.alpha
    )
    order = RenderOrder(prompt="portrait of kairo", seed=7, adapter=kairo)

    def painted(**asked: float) -> Pixels:
        given = GeneratorSettings.model_validate({"device": "cpu", "steps": 4} | asked)
        return DiffusersImageModel(given, blobs).render(order).pixels

    unasked = painted()
    asked = painted(guidance_start_lora=0.2)
    assert np.array_equal(unasked, asked)
    assert not np.array_equal(unasked, painted(guidance_start_lora=0))
