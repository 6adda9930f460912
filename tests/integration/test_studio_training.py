"""The training stages on a handful of renders: they learn, resume and write what is loaded back."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors import safe_open

from cluster.codecs.adapter_file import check_fits, read_adapter
from cluster.codecs.images import decode_image
from cluster.providers.diffusers.folder import BaseFolder
from cluster.settings import ASSETS, IdentitySettings
from training.schedule import Schedule
from training.studio.base.portraits import Portraits

if TYPE_CHECKING:
    import torch
    from diffusers import StableDiffusionPipeline

    from cluster.providers.diffusers.image_prompt import ImagePrompt
    from training.loop import TrainingStep
    from training.studio.base.muon import Muon
    from training.studio.base.vae import IdentityPhase, VaeRecipe


PICTURES = np.random.default_rng(0).integers(0, 255, (8, 64, 64, 3), dtype=np.uint8)
FACE = np.array(
    [[0.6, 0.4], [0.4, 0.4], [0.65, 0.55], [0.35, 0.55], [0.5, 0.2], [0.5, 0.7], [0.5, 0.5]],
    np.float32,
)


@pytest.fixture(scope="module")
def recipe() -> VaeRecipe:
    """A small autoencoder."""
    from training.studio.base.vae import VaeRecipe

    return VaeRecipe(width=16, batch_size=2, encoder_blocks=(0, 1, 1), decoder_blocks=(1, 1, 0))


def test_the_autoencoder_keeps_the_shape_and_resumes(tmp_path: Path, recipe: VaeRecipe) -> None:
    import torch

    from training.studio.base import vae

    model = vae.train_vae(PICTURES, tmp_path, 0.5, recipe)
    steps = torch.load(tmp_path / "vae.pt", weights_only=True)["step"]
    latents = vae.encode_pictures(model, PICTURES)
    assert latents.shape == (8, 4, 16, 16)
    assert vae.decode_latents(model, latents).shape == PICTURES.shape
    vae.train_vae(PICTURES, tmp_path, 5.0, recipe)
    assert torch.load(tmp_path / "vae.pt", weights_only=True)["step"] > steps


@pytest.mark.parametrize("phase", ["both", "decoder"])
def test_a_recogniser_teaches_both_halves_or_the_decoder_alone(
    tmp_path: Path, recipe: VaeRecipe, phase: str
) -> None:
    from training.lora.recogniser import recogniser_of
    from training.studio.base import vae

    pictures = np.random.default_rng(0).integers(0, 255, (4, 128, 128, 3), dtype=np.uint8)
    points = np.tile(FACE, (4, 1, 1))
    how: IdentityPhase = getattr(recipe, phase)
    model = vae.build_vae(recipe)
    fresh = copy.deepcopy(model)
    judge = recogniser_of(IdentitySettings())
    vae.train_judged(model, judge, pictures, points, tmp_path, 0.1, 0.03, how)
    assert moved(fresh.encoder, model.encoder) == how.encoder
    assert moved(fresh.decoder, model.decoder)


def moved(before: torch.nn.Module, after: torch.nn.Module) -> bool:
    """Whether any weight differs."""

    import torch

    pairs = zip(before.parameters(), after.parameters(), strict=True)
    return any(not torch.equal(one, other) for one, other in pairs)


def test_a_stage_learns_and_leaves_a_log(tmp_path: Path) -> None:
    import torch

    from training.loop import Budget, TrainingLoop
    from training.studio.stage_run import run_stage

    model = torch.nn.Linear(3, 1)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    inputs = torch.randn(64, 3)
    target = inputs.sum(1, keepdim=True)

    def loss(step: TrainingStep) -> torch.Tensor:
        error: torch.Tensor = (model(inputs) - target).square().mean()
        return error

    loop = TrainingLoop(loss, model, optimizer, Budget(steps=60), Schedule())
    run_stage("fit", tmp_path, loop)
    assert loop.losses[-1] < loop.losses[0]
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[0]["step"] == 50


def test_muon_learns_and_goes_on_where_it_was_saved() -> None:
    import torch

    from training.studio.base.muon import Muon, is_kernel

    def fresh() -> tuple[torch.nn.Module, Muon]:
        torch.manual_seed(0)
        net = torch.nn.Sequential(
            torch.nn.Conv2d(2, 4, 3), torch.nn.Flatten(), torch.nn.Linear(4, 1)
        )
        kernels = [weight for weight in net.parameters() if is_kernel(weight)]
        rest = [weight for weight in net.parameters() if not is_kernel(weight)]
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return net, Muon(kernels, rest, 1e-2)

    def steps(net: torch.nn.Module, optimiser: Muon, count: int) -> list[float]:
        losses = []
        for _ in range(count):
            loss = (net(inputs) - target).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(float(loss.detach()))
        return losses

    inputs = torch.randn(32, 2, 3, 3)
    target = inputs.mean((1, 2, 3))[:, None]
    net, optimiser = fresh()
    losses = steps(net, optimiser, 20)
    saved = copy.deepcopy((net.state_dict(), optimiser.state_dict()))
    ahead = steps(net, optimiser, 3)
    again, resumed = fresh()
    again.load_state_dict(saved[0])
    resumed.load_state_dict(saved[1])
    assert steps(again, resumed, 3) == pytest.approx(ahead)
    assert ahead[-1] < losses[0] / 2


def test_landmarks_stand_where_the_recogniser_expects_them() -> None:
    from training.studio.base import vae

    five = vae.landmarks(FACE)
    assert five.shape == (5, 2)
    assert five[0, 0] < five[1, 0]
    assert five[3, 0] < five[2, 0] < five[4, 0]
    assert five[3, 1] > five[2, 1]


@pytest.fixture(scope="module")
def pipeline_folder(tmp_path_factory: pytest.TempPathFactory, recipe: VaeRecipe) -> Path:
    import torch

    from training.studio.base import vae
    from training.studio.base.denoising import CaptionedLatents
    from training.studio.base.text_encoder import TextRecipe, build_text_encoder, corpus, pretrain
    from training.studio.base.tokenizer import train_tokenizer
    from training.studio.base.unet import UNetRecipe, pipeline_of, save_pipeline, train_unet

    small = UNetRecipe(
        minutes=0.02,
        coarse_batch_size=2,
        batch_size=2,
        channels=(16, 16, 32),
        text_width=48,
        text_layers=1,
    )
    folder = tmp_path_factory.mktemp("studio")
    tokenizer = train_tokenizer(corpus(np.random.default_rng(0), 200))
    encoder = build_text_encoder(tokenizer, small.text_width, small.text_layers)
    pretrain(encoder, tokenizer, folder, 0.5, TextRecipe(batch_size=2))
    latents = np.random.default_rng(1).normal(size=(4, 4, 16, 16)).astype(np.float16)
    details = np.full((4, 16, 16, 2), 255, np.uint8)
    data = CaptionedLatents(latents, [["portrait of a man", "a man"]] * 4, details)
    model = train_unet(tokenizer, encoder, data, folder, small)
    assert torch.load(folder / "unet.pt", weights_only=True)["step"] > 0
    save_pipeline(pipeline_of(model, vae.build_vae(recipe), small), folder / "pipeline")
    return folder / "pipeline"


def test_an_export_does_not_say_from_which_folder_its_parts_were_read(
    pipeline_folder: Path, tmp_path: Path
) -> None:
    from diffusers import StableDiffusionPipeline

    from training.studio.base.unet import save_pipeline

    save_pipeline(StableDiffusionPipeline.from_pretrained(pipeline_folder), tmp_path)
    configs = list(tmp_path.rglob("*.json"))
    assert {path.name for path in configs} >= {"model_index.json", "config.json"}
    assert not [path for path in configs if str(pipeline_folder) in path.read_text()]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers")
def test_an_exported_pipeline_is_loaded_and_adapted_by_stock_diffusers(
    pipeline_folder: Path, tmp_path: Path
) -> None:
    import torch
    from diffusers import AutoPipelineForInpainting, StableDiffusionPipeline

    from training.lora.detail_weights import EYES
    from training.lora.latent_cache import CaptionedImages
    from training.studio.cast import adapter

    pipeline = StableDiffusionPipeline.from_pretrained(pipeline_folder, torch_dtype=torch.float32)
    captioned = CaptionedImages(PICTURES, [["portrait of kairo a man"]] * 8)
    recipe = adapter.AdapterRecipe(rank=4, batch_size=4)
    references = [decode_image((ASSETS / "kairo" / "reference_1.png").read_bytes())]
    adapter.train_actor(pipeline, captioned, captioned, references, EYES, tmp_path, 0.5, recipe)
    base, path = BaseFolder(pipeline_folder), tmp_path / "one.safetensors"
    adapter.save_actor_adapter(pipeline, path, recipe, base, "kairo")

    file = read_adapter(path.read_bytes())
    check_fits(file, base.layers, lambda: base.sha256)
    assert (file.rank, file.alpha, file.trigger) == (4, 4.0, "kairo")
    with safe_open(path, "pt") as tensors:
        assert all(key.startswith("unet.") for key in tensors.keys())  # noqa: SIM118

    fresh = StableDiffusionPipeline.from_pretrained(pipeline_folder, torch_dtype=torch.float32)
    fresh.set_progress_bar_config(disable=True)
    fresh.load_lora_weights(tmp_path, weight_name=path.name, adapter_name="kairo")
    assert fresh.get_active_adapters() == ["kairo"]
    painted = AutoPipelineForInpainting.from_pipe(fresh)(
        "portrait of kairo a man",
        image=torch.zeros(1, 3, 64, 64),
        mask_image=torch.ones(1, 1, 64, 64),
        height=64,
        width=64,
        num_inference_steps=2,
        output_type="np",
    ).images
    assert painted.shape == (1, 64, 64, 3)


def portraits() -> Portraits:
    """Four actors of two pictures; a face was found in seven."""
    rng = np.random.default_rng(2)
    vectors = rng.normal(size=(8, 16)).astype(np.float32) + 1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[7] = 0
    boxes = np.tile(np.array([0.3, 0.2, 0.6, 0.7], np.float32), (8, 1))
    return Portraits(np.arange(8) // 2, vectors, boxes)


def test_an_image_prompt_is_learned_from_the_other_pictures_of_an_actor() -> None:
    others = portraits().others()
    assert set(others) == {0, 1, 2, 3, 4, 5}  # the last actor has no second face
    assert [others[row].tolist() for row in (0, 1, 4)] == [[1], [0], [5]]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers")
def test_an_image_prompt_resumes_and_is_loaded_by_stock_diffusers(
    pipeline_folder: Path, tmp_path: Path
) -> None:
    import torch
    from diffusers import StableDiffusionPipeline

    from training.studio.base import ip_adapter
    from training.studio.base.denoising import CaptionedLatents

    latents = np.random.default_rng(1).normal(size=(8, 4, 16, 16)).astype(np.float16)
    recipe = ip_adapter.ImagePromptRecipe(batch_size=2, tokens=2, widening=2)

    def trained(seconds: float) -> tuple[StableDiffusionPipeline, ImagePrompt]:
        pipe = StableDiffusionPipeline.from_pretrained(pipeline_folder, torch_dtype=torch.float32)
        pipe.set_progress_bar_config(disable=True)
        said = [["portrait of a man", "a man"]] * 8
        data = CaptionedLatents(latents, said, np.zeros((8, 16, 16, 2), np.uint8))
        prompt = ip_adapter.train_image_prompt(pipe, data, portraits(), tmp_path, seconds, recipe)
        return pipe, prompt

    trained(0.5)
    before = torch.load(tmp_path / "ip_adapter.pt", weights_only=True)
    assert before["step"] > 0
    pipe, prompt = trained(before["spent_s"] + 3.0)
    assert torch.load(tmp_path / "ip_adapter.pt", weights_only=True)["step"] > before["step"]

    base = BaseFolder(shutil.copytree(pipeline_folder, tmp_path / "base"))
    path = ip_adapter.save_image_prompt(prompt, base, "some-face-model")
    with safe_open(path, "pt") as file:
        assert file.metadata()["face_model"] == "some-face-model"
        assert {str(file.get_tensor(key).dtype) for key in file.keys()} == {"torch.float16"}  # noqa: SIM118

    stock = StableDiffusionPipeline.from_pretrained(pipeline_folder, torch_dtype=torch.float32)
    stock.set_progress_bar_config(disable=True)
    stock.load_ip_adapter(
        str(base.folder),
        subfolder=path.parent.name,
        weight_name=path.name,
        image_encoder_folder=None,
    )
    vector = torch.from_numpy(portraits().embeddings[:1])
    pair = torch.stack([torch.zeros_like(vector), vector])

    def paint(pipe: StableDiffusionPipeline, **more: object) -> NDArray[np.float32]:
        generator = torch.Generator().manual_seed(1)
        call = {"num_inference_steps": 2, "output_type": "np", "generator": generator}
        return np.asarray(pipe("a man", height=64, width=64, **call, **more).images[0])

    theirs = paint(stock, ip_adapter_image_embeds=[pair])
    plain = paint(pipe)
    with torch.no_grad():
        prompt.show(vector, torch.ones(1))
    ours = paint(pipe)
    assert np.abs(ours - theirs).max() < 5e-3  # the file is float16
    assert np.abs(ours - plain).max() > np.abs(ours - theirs).max()
