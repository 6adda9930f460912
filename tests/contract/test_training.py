"""Training on every family: real pipelines with random weights, real steps, real files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest

from cluster.codecs.adapter_file import check_fits, read_adapter
from cluster.domain.character import CharacterId
from cluster.domain.identity.face import Face
from cluster.domain.learning.adapter import AdapterVersion
from cluster.domain.render import RenderOrder
from cluster.providers.diffusers.folder import BaseFolder
from cluster.settings import GeneratorSettings, Recipe, StoreSettings, TrainingSettings
from cluster.store.blobs import Blobs
from tests.families import families
from training.lora.presets import PRESETS, family_of, preset_of

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline, SchedulerMixin
    from torch import Tensor

    from training.lora.adapter_writer import AdapterHeader
    from training.lora.batch_sampler import BatchSampler
    from training.lora.families import Denoiser
    from training.lora.latent_cache import CaptionedImages
    from training.lora.trainer import LoraTrainer


pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight:UserWarning"),
]

FAMILIES = ("flux", "qwen", "sd15", "sd3", "sdxl", "zimage")
SIDE_PX = 64
CAPTION = "portrait of moqik a man"
FACE = Face(
    box=(16, 16, 48, 48),
    landmarks=np.array([[25, 27], [39, 27], [32, 34], [26, 41], [38, 41]], np.float32),
    score=0.9,
    embedding=np.ones(4, np.float32) / 2,
)
RECIPE = Recipe(
    layers="linear",
    rank=4,
    alpha=8,
    learning_rate=1e-2,
    steps=8,
    max_minutes=5,
    batch_size=4,
    warmup_steps=1,
    ema_decay=0.0,
    caption_dropout=0.0,
    probe_every=4,
    seed=3,
)


@pytest.fixture(scope="module", params=families(*FAMILIES))
def base(request: pytest.FixtureRequest, tiny_pipeline: Callable[[str], BaseFolder]) -> BaseFolder:
    from tests import tiny_pipelines, tiny_transformers

    assert set(FAMILIES) == (tiny_pipelines.FAMILIES | tiny_transformers.FAMILIES).keys()
    return tiny_pipeline(request.param)


@pytest.fixture
def denoiser(base: BaseFolder) -> Denoiser:
    import torch

    from cluster.providers.diffusers.load import load_pipeline
    from training.lora.families import denoiser_of

    pipe = load_pipeline(base, torch.device("cpu"))
    return denoiser_of(family_of(base), pipe, base.component)


def images() -> CaptionedImages:
    from training.lora.latent_cache import CaptionedImages

    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (3, SIDE_PX, SIDE_PX, 3), np.uint8)
    wordings = [[CAPTION], [CAPTION + ", castle"], ["portrait of a woman"]]
    return CaptionedImages(pictures, wordings, faces=[FACE, None, None])


def sampler(denoiser: Denoiser, recipe: Recipe = RECIPE) -> BatchSampler:
    from training.lora.batch_sampler import BatchSampler
    from training.lora.latent_cache import LatentCache
    from training.lora.objectives import objective_of

    own = LatentCache(denoiser, images())
    tokens = own.latents.shape[-2] * own.latents.shape[-1] // 4
    objective = objective_of(denoiser.pipe.scheduler, recipe.snr_gamma, tokens)
    return BatchSampler(own, None, denoiser.encode_prompts([""])[0], objective, recipe)


def trained(denoiser: Denoiser, steps: int = 8) -> LoraTrainer:
    from training.lora.trainer import LoraTrainer

    trainer = LoraTrainer(denoiser, sampler(denoiser), RECIPE)
    for number in range(steps):
        trainer.loop.train_step(number)
    return trainer


def header(base: BaseFolder, trainer: LoraTrainer) -> AdapterHeader:
    from training.lora.adapter_writer import AdapterHeader

    return AdapterHeader(
        character_id="ada",
        version=3,
        base_model=base.id,
        base_sha256=base.sha256,
        family=family_of(base),
        component=base.component,
        manifest="5" * 64,
        trigger="moqik",
        rank=RECIPE.rank,
        alpha=RECIPE.alpha,
        targets=tuple(trainer.targets),
        resolution_px=SIDE_PX,
        best_step=8,
        idr_before=0.25,
        idr_after=None,
    )


def paint(pipe: DiffusionPipeline, guidance: float = 2.0) -> npt.NDArray[np.float32]:
    import torch

    from cluster.providers.diffusers.call import prompt_arguments

    pipe.set_progress_bar_config(disable=True)
    words = prompt_arguments(pipe, prompts=[CAPTION], negative_prompts=[""], guidance=guidance)
    painted = pipe(
        **words,
        width=SIDE_PX,
        height=SIDE_PX,
        num_inference_steps=2,
        output_type="np",
        generator=torch.Generator("cpu").manual_seed(5),
    )
    return np.asarray(painted.images[0])


def test_the_denoiser_is_called_as_its_own_pipeline_calls_it(
    denoiser: Denoiser, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from training.lora.families import ZImageDenoiser

    seen: list[tuple[Tensor, Tensor, Tensor]] = []
    scheduler = denoiser.pipe.scheduler
    step = type(scheduler).step

    def watched(
        self: SchedulerMixin, output: Tensor, t: Tensor, sample: Tensor, **named: object
    ) -> object:
        scaled = self.scale_model_input(sample, t) if hasattr(self, "scale_model_input") else sample
        seen.append((output.clone(), t.clone(), scaled.clone()))
        return step(self, output, t, sample, **named)

    monkeypatch.setattr(type(scheduler), "step", watched)
    unguided = 0.0 if isinstance(denoiser, ZImageDenoiser) else 1.0
    paint(denoiser.pipe, unguided)
    theirs, time, sample = seen[0]
    packed = sample.ndim == 3
    own_sample = unpack(sample) if packed else sample
    with torch.no_grad():
        mine = denoiser.predict(own_sample, time.expand(1), denoiser.encode_prompts([CAPTION]))
    assert torch.allclose(mine, unpack(theirs) if packed else theirs, atol=2e-5)


def unpack(tokens: Tensor) -> Tensor:
    """(1, patches, channels x 4) -> (1, channels, h, w), both sides equal."""
    side = int(tokens.shape[1] ** 0.5)
    grid = tokens.view(1, side, side, -1, 2, 2).permute(0, 3, 1, 4, 2, 5)
    return grid.reshape(1, -1, 2 * side, 2 * side)


def test_the_right_answer_amounts_to_the_clean_picture(denoiser: Denoiser) -> None:
    import torch

    from training.lora.latent_cache import LatentCache
    from training.lora.objectives import objective_of

    drawn = sampler(denoiser)
    latents = LatentCache(denoiser, images()).latents
    objective = objective_of(denoiser.pipe.scheduler, 5.0, tokens=16)
    times = torch.tensor([20, 200, 500])
    noisy, target = objective.add_noise(latents, torch.randn(latents.shape), times)
    assert torch.allclose(objective.predict_clean(noisy, target, times), latents, atol=1e-3)
    alpha_bar = objective.alpha_bar(times)
    assert 1 > alpha_bar[0] > alpha_bar[1] > alpha_bar[2] > 0
    assert denoiser.decode_latents(latents).shape == (3, 3, SIDE_PX, SIDE_PX)
    assert drawn.batch(0, 0, 1).alignments.shape == (RECIPE.batch_size, 2, 3)


def test_steps_teach_the_pictures_and_leave_the_base_alone(denoiser: Denoiser) -> None:
    import torch

    from training.lora.trainer import LoraTrainer

    before = {name: value.clone() for name, value in denoiser.model.state_dict().items()}
    trainer = LoraTrainer(denoiser, sampler(denoiser), RECIPE)
    losses = [trainer.loop.train_step(0)[0] for _ in range(20)]
    assert min(losses[-5:]) < 0.985 * losses[0]
    after = denoiser.model.state_dict()
    for name, value in before.items():
        held = after.get(name, after.get(_wrapped(name)))
        assert held is not None
        assert torch.equal(held, value)


def _wrapped(name: str) -> str:
    """The name of a base weight once its layer carries an adapter."""
    module, _, leaf = name.rpartition(".")
    return f"{module}.base_layer.{leaf}"


def test_a_resumed_run_goes_on_to_the_same_losses(base: BaseFolder) -> None:
    import torch

    from cluster.providers.diffusers.load import load_pipeline
    from training.lora.families import denoiser_of
    from training.lora.trainer import LoraTrainer

    def fresh() -> LoraTrainer:
        pipe = load_pipeline(base, torch.device("cpu"))
        denoiser = denoiser_of(family_of(base), pipe, base.component)
        return LoraTrainer(denoiser, sampler(denoiser), RECIPE)

    whole, cut, resumed = fresh(), fresh(), fresh()
    expected = [whole.loop.train_step(number)[0] for number in range(6)]
    for number in range(3):
        cut.loop.train_step(number)
    assert resumed.loop.restore(cut.loop.state())
    assert [resumed.loop.train_step(number)[0] for number in range(3, 6)] == pytest.approx(
        expected[3:]
    )


def test_the_parts_of_all_workers_make_up_the_step(denoiser: Denoiser) -> None:
    import torch

    lessons = sampler(denoiser)
    whole = lessons.batch(5, 0, 1)
    parts = [lessons.batch(5, rank, 2) for rank in range(2)]
    assert torch.equal(torch.cat([one.noisy for one in parts]).sort(0)[0], whole.noisy.sort(0)[0])
    assert sum(len(one.prompts) for one in parts) == RECIPE.batch_size


def test_the_file_is_stock_peft_and_paints_what_was_trained(
    base: BaseFolder, denoiser: Denoiser, tmp_path: Path
) -> None:
    from diffusers import DiffusionPipeline

    from training.lora.adapter_writer import adapter_bytes

    untrained = paint(denoiser.pipe)
    trainer = trained(denoiser)
    with trainer.ema.applied():
        expected = paint(denoiser.pipe)
    content = adapter_bytes(trainer.factors(), header(base, trainer))
    file = read_adapter(content)
    check_fits(file, base.layers, lambda: base.sha256)
    assert (file.rank, file.alpha, file.trigger, file.idr_before) == (4, 8, "moqik", 0.25)
    (tmp_path / "char_ada_v3.safetensors").write_bytes(content)
    stock = DiffusionPipeline.from_pretrained(base.folder)
    stock.load_lora_weights(tmp_path, weight_name="char_ada_v3.safetensors")
    model = getattr(stock, base.component)
    held = {name for name, layer in model.named_modules() if getattr(layer, "lora_A", None)}
    assert held == set(file.modules) == set(trainer.targets)
    loaded = paint(stock)
    assert np.abs(expected - untrained).max() > 0.01
    assert np.abs(loaded - expected).max() < 1e-3


def test_the_service_paints_the_file_as_stock_diffusers_does(
    base: BaseFolder, denoiser: Denoiser, tmp_path: Path
) -> None:
    from diffusers import DiffusionPipeline

    from cluster.providers.diffusers.model import DiffusersImageModel
    from training.lora.adapter_writer import adapter_bytes

    trainer = trained(denoiser)
    content = adapter_bytes(trainer.factors(), header(base, trainer))
    (tmp_path / "lora.safetensors").write_bytes(content)
    stock = DiffusionPipeline.from_pretrained(base.folder)
    stock.load_lora_weights(tmp_path, weight_name="lora.safetensors")
    blobs = Blobs(StoreSettings(home=tmp_path).blob_root)
    served = DiffusersImageModel(
        GeneratorSettings(model=str(base.folder), device="cpu", steps=2, guidance=2.0), blobs
    )
    version = AdapterVersion(
        character_id=CharacterId("ada"),
        version=3,
        sha256=blobs.put(content),
        base_model=base.id,
        rank=RECIPE.rank,
        alpha=RECIPE.alpha,
    )
    order = RenderOrder(
        prompt=CAPTION, seed=5, width_px=SIDE_PX, height_px=SIDE_PX, adapter=version
    )
    ours = served.render(order).pixels.astype(int)
    assert np.abs(ours - np.rint(paint(stock) * 255)).max() <= 1


def test_every_preset_finds_layers_and_trains_nothing_else(denoiser: Denoiser) -> None:
    from training.lora.trainer import target_layers

    counts = [
        len(target_layers(denoiser.model, one))
        for one in ("attention", "feed_forward", "linear", "all")
    ]
    assert 0 < counts[0] < counts[1] <= counts[2] <= counts[3]


def test_the_family_decides_the_preset(base: BaseFolder) -> None:
    expected = {"sd15": "sd15", "sdxl": "sdxl"}.get(base.folder.name, "transformer")
    assert preset_of(base, TrainingSettings()) == expected
    assert expected in PRESETS
