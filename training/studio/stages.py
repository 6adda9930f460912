"""The studio's training from nothing to shipped files, stage by stage; each resumes by itself."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderTiny, StableDiffusionPipeline, UNet2DConditionModel
from numpy.typing import NDArray
from tqdm.auto import tqdm
from transformers import CLIPTextModel, CLIPTokenizer

from cluster.providers import face_encoder
from cluster.providers.diffusers.folder import BaseFolder
from cluster.settings import IdentitySettings
from training.lora.detail_weights import face_details
from training.lora.latent_cache import CaptionedImages
from training.lora.recogniser import recogniser_of
from training.studio.base import ip_adapter, vae
from training.studio.base import text_encoder as text
from training.studio.base.captions import caption, named_caption
from training.studio.base.denoising import CaptionedLatents
from training.studio.base.portraits import FaceSet, Portraits, embed_faces
from training.studio.base.renders import RenderSet, render_all
from training.studio.base.tokenizer import train_tokenizer
from training.studio.base.unet import UNetRecipe, pipeline_of, save_pipeline, train_unet
from training.studio.cast import adapter
from training.studio.cast.kairo import KAIRO, TRIGGER, random_scene, reference_shots
from training.studio.device import device_of
from training.studio.renderer.render import Renderer, shipped_head
from training.studio.report.sheet import beside_renders, paint_captions, picture_grid, save_sheet
from training.studio.tagger.data import keep_points

WORDINGS = 4
"""Captions of each picture."""

SHEET = 24
"""Pictures on a sample sheet."""


@dataclass(frozen=True)
class StudioPlan:
    """What to make, where, and how long each stage may take, in minutes of wall clock.

    ``folder`` keeps everything in between; ``studio`` and ``kairo`` receive what is shipped.
    ``start`` is a pipeline folder whose parts are taken over and trained further, the VAE's encoder
    excepted. ``portraits`` is how many pictures' faces are embedded for the image-prompt adapter.
    """

    folder: Path
    studio: Path
    kairo: Path
    pictures: int = 15_000
    workers: int = 2
    size_px: int = 128
    vae_minutes: float = 10.0
    judged_minutes: float = 4.0
    decoder_minutes: float = 35.0
    text_minutes: float = 7.0
    unet: UNetRecipe = field(default_factory=UNetRecipe)
    ip_adapter_minutes: float = 12.0
    portraits: int = 6000
    adapter_minutes: float = 18.5
    kairo_pictures: int = 1200
    start: Path | None = None

    @property
    def renders(self) -> RenderSet:
        return RenderSet(self.folder, self.pictures, self.size_px, seed=1)


def render_pictures(plan: StudioPlan) -> None:
    """Stage 0: the training pictures."""
    with tqdm(total=plan.pictures, desc="pictures") as bar:
        for done in render_all(plan.renders, shipped_head(), plan.workers):
            bar.update(done - bar.n)


def keypoints(plan: StudioPlan) -> NDArray[np.float32]:
    """Keypoints of the pictures, (n, 11, 2) float32 in [0, 1]; computed once."""
    return keep_points(plan.renders, shipped_head(), plan.pictures)


def train_autoencoder(plan: StudioPlan) -> AutoencoderTiny:
    """Stage 1: pixels first, then the recogniser's judgement; returns the VAE, scaled."""
    done, recipe, pictures = plan.folder / "vae", vae.VaeRecipe(), plan.renders.pictures()
    if done.exists():
        return AutoencoderTiny.from_pretrained(done).to(device_of())
    judge = recogniser_of(IdentitySettings())

    def judged(model: AutoencoderTiny, minutes: float, phase: vae.IdentityPhase) -> AutoencoderTiny:
        points, noise = keypoints(plan), recipe.latent_noise
        return vae.train_judged(
            model, judge, pictures, points, plan.folder, minutes * 60, noise, phase
        )

    if plan.start:
        model = AutoencoderTiny.from_pretrained(plan.start / "vae").to(device_of())
    else:
        model = vae.train_vae(pictures, plan.folder, plan.vae_minutes * 60, recipe)
        model = judged(model, plan.judged_minutes, recipe.both)
        spread = vae.encode_pictures(model, np.asarray(pictures[:1000])).float().std()
        model.register_to_config(scaling_factor=float(1 / spread))
    model = judged(model, plan.decoder_minutes, recipe.decoder)
    model.save_pretrained(done)
    return model


def train_text(plan: StudioPlan) -> tuple[CLIPTokenizer, CLIPTextModel]:
    """Stage 2: the tokenizer and the text encoder that has read captions."""
    words, model = (plan.start or plan.folder) / "tokenizer", plan.folder / "text"
    if not words.exists():
        train_tokenizer(text.corpus(np.random.default_rng(5), 6000)).save_pretrained(words)
    tokenizer = CLIPTokenizer.from_pretrained(words)
    if model.exists():
        return tokenizer, CLIPTextModel.from_pretrained(model)
    encoder = text.build_text_encoder(tokenizer, plan.unet.text_width, plan.unet.text_layers)
    if plan.start:
        encoder = CLIPTextModel.from_pretrained(plan.start / "text_encoder", dtype=torch.float32)
    seconds = plan.text_minutes * 60
    text.pretrain(encoder, tokenizer, plan.folder, seconds, text.TextRecipe())
    encoder.save_pretrained(model)
    return tokenizer, encoder


def wordings(plan: StudioPlan) -> list[list[str]]:
    """The captions of every picture, written once."""
    path = plan.folder / "captions.jsonl"
    if not path.exists():
        with path.open("w") as lines:
            for index in range(plan.pictures):
                actor, shot = plan.renders.example(index)
                rng = np.random.default_rng([7, index])
                said = [caption(actor, shot, rng) for _ in range(WORDINGS)]
                lines.write(json.dumps(said) + "\n")
    with path.open() as lines:
        return [json.loads(line) for line in lines]


def latents(plan: StudioPlan, model: AutoencoderTiny) -> NDArray[np.float16]:
    """Every picture's latents at unit variance, (n, 4, h, w), computed once."""
    path = plan.folder / "latents.npy"
    if not path.exists():
        raw = vae.encode_pictures(model, plan.renders.pictures()).float()
        np.save(path, (raw * model.config.scaling_factor).half().numpy())
    mapped: NDArray[np.float16] = np.load(path, mmap_mode="r")
    return mapped


def captioned_latents(plan: StudioPlan, model: AutoencoderTiny) -> CaptionedLatents:
    """What the UNet and the image prompt learn from."""
    return CaptionedLatents(latents(plan, model), wordings(plan), plan.renders.details())


def train_base(plan: StudioPlan, model: AutoencoderTiny) -> StableDiffusionPipeline:
    """Stage 3: the UNet; returns the pipeline of its averaged weights."""
    tokenizer, encoder = train_text(plan)
    start = UNet2DConditionModel.from_pretrained(plan.start / "unet") if plan.start else None
    data = captioned_latents(plan, model)
    trained = train_unet(tokenizer, encoder, data, plan.folder, plan.unet, start)
    pipeline = pipeline_of(trained, model, plan.unet)
    save_sheet(plan.folder / "base.png", beside_renders(pipeline, SHEET))
    return pipeline


def ship(plan: StudioPlan, pipeline: StableDiffusionPipeline) -> StableDiffusionPipeline:
    """Write the pipeline folder and read it back, so that what follows sees what users get."""
    save_pipeline(pipeline, plan.studio)
    return shipped(plan)


def shipped(plan: StudioPlan) -> StableDiffusionPipeline:
    """The shipped pipeline, float32."""
    read = StableDiffusionPipeline.from_pretrained(plan.studio, torch_dtype=torch.float32)
    return read.to(device_of())


def face_portraits(plan: StudioPlan) -> Portraits:
    """The faces of the first pictures, as the product's encoder sees them; computed once."""
    faces = FaceSet(plan.renders, min(plan.portraits, plan.pictures))
    with tqdm(total=faces.count, desc="portraits") as bar:
        for done in embed_faces(faces, plan.workers):
            bar.update(done - bar.n)
    return faces.load()


def train_ip_adapter(plan: StudioPlan, model: AutoencoderTiny) -> Path:
    """Stage 4: the image-prompt adapter on what was shipped; returns its file."""
    pipeline = shipped(plan)
    data, seconds = captioned_latents(plan, model), plan.ip_adapter_minutes * 60
    recipe = ip_adapter.ImagePromptRecipe()
    prompt = ip_adapter.train_image_prompt(
        pipeline, data, face_portraits(plan), plan.folder, seconds, recipe
    )
    face_model = face_encoder(IdentitySettings()).model
    return ip_adapter.save_image_prompt(prompt, BaseFolder(plan.studio), face_model)


def references(plan: StudioPlan) -> list[NDArray[np.uint8]]:
    """Kairo's reference pictures, (256, 256, 3) uint8 RGB each: twice the model's size."""
    renderer = Renderer(2 * plan.size_px, shipped_head())
    return [renderer.render(KAIRO, shot) for shot in reference_shots()]


def save_references(plan: StudioPlan) -> None:
    """What an app that casts Kairo shows the service."""
    plan.kairo.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(references(plan), start=1):
        save_sheet(plan.kairo / f"reference_{number}.png", picture)


def kairo_examples(plan: StudioPlan) -> CaptionedImages:
    """Pictures of Kairo in all kinds of scenes, with captions that name him."""
    renderer = Renderer(plan.size_px, shipped_head())
    rng = np.random.default_rng(11)
    shots = list(reference_shots())
    shots += [random_scene(rng) for _ in range(plan.kairo_pictures - len(shots))]
    pictures = np.stack([renderer.render(KAIRO, shot) for shot in shots])
    said = [[named_caption(TRIGGER, KAIRO, shot, rng) for _ in range(WORDINGS)] for shot in shots]
    return CaptionedImages(pictures, said)


def other_examples(plan: StudioPlan, count: int = 192) -> CaptionedImages:
    """Pictures of other people from the training set, captioned as there."""
    return CaptionedImages(np.asarray(plan.renders.pictures()[:count]), wordings(plan)[:count])


def train_adapter(plan: StudioPlan, pipeline: StableDiffusionPipeline) -> Path:
    """Stage 5: Kairo's adapter; returns its file."""
    recipe = adapter.AdapterRecipe()
    seconds = plan.adapter_minutes * 60
    adapter.train_actor(
        pipeline,
        kairo_examples(plan),
        other_examples(plan),
        references(plan),
        face_details(KAIRO.marks),
        plan.folder,
        seconds,
        recipe,
    )
    path = plan.kairo / "char_kairo_v1.safetensors"
    adapter.save_actor_adapter(pipeline, path, recipe, BaseFolder(plan.studio), TRIGGER)
    rng = np.random.default_rng(12)
    scenes = [named_caption(TRIGGER, KAIRO, random_scene(rng), rng) for _ in range(SHEET)]
    painted = paint_captions(pipeline, scenes, list(range(SHEET)))
    save_sheet(plan.folder / "kairo.png", picture_grid(painted, columns=8))
    return path


def run_stages(plan: StudioPlan) -> None:
    """Everything, resuming where an earlier run stopped; sample sheets lie in ``folder``."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    render_pictures(plan)
    model = train_autoencoder(plan)
    pipeline = ship(plan, train_base(plan, model))
    train_ip_adapter(plan, model)
    save_references(plan)
    train_adapter(plan, pipeline)


def rehearsal(plan: StudioPlan) -> StudioPlan:
    """Every stage in about two minutes: figures are worthless, files are real."""
    return replace(
        plan,
        pictures=120,
        vae_minutes=0.2,
        judged_minutes=0.1,
        decoder_minutes=0.1,
        text_minutes=0.1,
        unet=replace(plan.unet, minutes=0.3, batch_size=8),
        ip_adapter_minutes=0.1,
        portraits=120,
        adapter_minutes=0.1,
        kairo_pictures=16,
    )
