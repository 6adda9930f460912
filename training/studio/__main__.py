"""`python -m training.studio train | evaluate | recognise | sheet | likeness`: our own model."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from diffusers import AutoencoderTiny, StableDiffusionPipeline

from cluster.ports import Pixels
from cluster.providers import face_encoder
from cluster.settings import ASSETS, IdentitySettings, Settings
from training.studio import stages
from training.studio.base.ip_adapter import ImagePromptRecipe
from training.studio.base.text_encoder import TextRecipe
from training.studio.base.unet import UNetRecipe
from training.studio.base.vae import VaeRecipe, decode_latents, encode_pictures
from training.studio.cast import newcomer as newcomers
from training.studio.cast.adapter import AdapterRecipe
from training.studio.device import device_of
from training.studio.renderer.render import Renderer
from training.studio.report import card
from training.studio.report import evaluate as judging
from training.studio.report.recognition import recognition
from training.studio.report.sheet import beside_renders, save_sheet

app = typer.Typer(add_completion=False, help=__doc__)

CACHE = Path("~/.cache/cineai/studio")
Folder = Annotated[Path, typer.Option(help="Where everything in between is kept.")]
Model = Annotated[Path, typer.Option(help="A pipeline folder.")]


@app.command("train")
def train_command(
    folder: Folder = CACHE,
    studio: Annotated[Path, typer.Option(help="Receives the pipeline.")] = ASSETS / "studio",
    kairo: Annotated[Path, typer.Option(help="Receives Kairo.")] = ASSETS / "kairo",
    pictures: Annotated[int, typer.Option(min=100, help="Training pictures.")] = 15_000,
    minutes: Annotated[float, typer.Option(help="For text encoder and UNet.")] = 66.0,
    vae_minutes: float = 10.0,
    workers: Annotated[int, typer.Option(min=1, help="Rendering processes.")] = 2,
    start: Annotated[
        Path | None, typer.Option(help="A pipeline folder to train further; its encoder stays.")
    ] = None,
    rehearse: Annotated[bool, typer.Option(help="All stages in two minutes, worthless.")] = False,
) -> None:
    """Render, train all stages, judge, write what is shipped and its card; a second call goes on
    where the first one stopped."""
    plan = stages.StudioPlan(
        folder=folder.expanduser(),
        studio=studio,
        kairo=kairo,
        pictures=pictures,
        workers=workers,
        vae_minutes=vae_minutes,
        unet=UNetRecipe(minutes=minutes),
        start=start,
    )
    plan = stages.rehearsal(plan) if rehearse else plan
    stages.run_stages(plan)
    captions, actors = (4, 1) if rehearse else (300, judging.ACTORS)
    figures = judging.evaluate_studio(painting_with(studio), captions, actors)
    typer.echo(f"{card.write_card(plan, figures)}\n{json.dumps(figures)}")


def load_float32(model: Path) -> StableDiffusionPipeline:
    """A pipeline folder in float32, on CUDA where there is one."""
    return StableDiffusionPipeline.from_pretrained(model, torch_dtype=torch.float32).to(device_of())


@app.command("evaluate")
def evaluate_command(
    model: Model = ASSETS / "studio",
    count: Annotated[int, typer.Option(min=1, help="Held-out captions.")] = 300,
    actors: Annotated[
        int, typer.Option(min=1, help="Held-out actors whose likeness is measured.")
    ] = judging.ACTORS,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Faces found, attributes confirmed, likeness by words and references, tagger MMD, seconds."""
    scores = judging.evaluate_studio(painting_with(model), count, actors)
    lines = (f"{name:26} {value}" for name, value in scores.items())
    typer.echo(json.dumps(scores) if as_json else "\n".join(lines))


@app.command()
def recognise(
    model: Model = ASSETS / "studio",
    shots: Annotated[int, typer.Option(min=1, help="Pictures in which a face is sought.")] = 2000,
    actors: Annotated[int, typer.Option(min=2, help="People to tell apart.")] = 200,
    each: Annotated[int, typer.Option(min=2, help="Pictures of each.")] = 8,
) -> None:
    """How well the face recogniser finds rendered people and tells them apart, and how much of that
    passes through the VAE, as JSON."""
    faces = face_encoder(IdentitySettings())
    vae = AutoencoderTiny.from_pretrained(model / "vae", torch_dtype=torch.float32)

    def through(picture: Pixels) -> Pixels:
        return np.asarray(decode_latents(vae, encode_pictures(vae, picture[None]))[0], np.uint8)

    figures = recognition(faces, Renderer(128), through, shots=shots, actors=actors, each=each)
    typer.echo(json.dumps(figures))


@app.command("likeness")
def likeness_command(
    out: Annotated[Path, typer.Argument(help="A PNG file to write.")],
    model: Model = ASSETS / "studio",
    actors: Annotated[int, typer.Option(min=1)] = 6,
) -> None:
    """Held-out actors, a row each: references, painted from words alone, painted after both."""
    with judging.ModelUnderTest.open(painting_with(model)) as tested:
        save_sheet(out, judging.likeness_sheet(tested, actors))


def painting_with(model: Path) -> Settings:
    """The settings, with this pipeline folder as the image model."""
    settings = Settings()
    generator = settings.generator.model_copy(update={"model": str(model)})
    return settings.model_copy(update={"generator": generator})


@app.command("sheet")
def sheet_command(
    out: Annotated[Path, typer.Argument(help="A PNG file to write.")],
    model: Model = ASSETS / "studio",
    count: Annotated[int, typer.Option(min=1)] = 24,
    seed: int = 0,
) -> None:
    """Held-out captions: the render above, what the model paints below."""
    save_sheet(out, beside_renders(load_float32(model), count, seed))


@app.command()
def newcomer(
    folder: Annotated[Path, typer.Option(help="Receives the pictures.")] = ASSETS / "newcomer",
) -> None:
    """Render the actor whom `cineai demo --learn` casts: references and captioned scenes."""
    typer.echo(f"{newcomers.write_newcomer(folder)} scenes")


@app.command("recipe")
def recipe_command() -> None:
    """The settings that `train` uses by default, as JSON."""
    settings = {
        "vae": asdict(VaeRecipe()),
        "text": asdict(TextRecipe()),
        "unet": asdict(UNetRecipe()),
        "ip_adapter": asdict(ImagePromptRecipe()),
        "adapter": asdict(AdapterRecipe()),
    }
    typer.echo(json.dumps(settings, indent=2))


if __name__ == "__main__":
    app()
