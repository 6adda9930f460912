"""`python -m training dataset | lora | recipe`: what the Learner does by itself, by hand."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from cluster import providers
from cluster.domain.character import CharacterId
from cluster.domain.learning.training import Progress, TrainingOrder
from cluster.errors import CineError
from cluster.launch import local_ray
from cluster.providers.diffusers.folder import base_folder
from cluster.settings import Settings
from cluster.store import Store
from cluster.store.blobs import Blobs
from training.data.captions import trigger_for
from training.data.dataset import Manifest, build_dataset, source_images
from training.lora.checkpoints import discard
from training.lora.presets import preset_of, recipe_for

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)

CharacterIdArgument = Annotated[str, typer.Argument(help="The character's id.")]


@app.command("dataset")
def print_dataset(character: CharacterIdArgument) -> None:
    """Build the training set of a character's references and golden images; print its digest."""
    settings = Settings()
    with closing(Store.open(settings.store)) as store:
        digest, manifest = _build(settings, store, character)
    for one in manifest.dropped:
        typer.echo(f"dropped {one.source[:12]}: {one.reason}", err=True)
    pictures = len({sample.source for sample in manifest.samples})
    size = f"{len(manifest.samples)} samples of {pictures} pictures, {manifest.resolution_px} px"
    typer.echo(f"{size}; trigger {manifest.trigger}; {len(manifest.dropped)} dropped", err=True)
    typer.echo(digest)


@app.command("lora")
def train_by_hand(
    character: CharacterIdArgument,
    manifest: Annotated[str | None, typer.Option(help="A set's digest; built if missing.")] = None,
    run_id: Annotated[
        str | None, typer.Option(help="An earlier run's, to go on with it; else a new one.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder that receives the adapter's file.")] = Path(),
) -> None:
    """Train an adapter in a Ray cluster of its own and write its file.

    How is said by CINEAI_TRAINING__PRESET, CINEAI_TRAINING__RECIPE='{"steps": 600}' and so on.
    """
    # Ray Train is slow to import, and the other commands do without it.
    from training.lora.ray_train import train_lora  # noqa: PLC0415

    settings = Settings()
    out.mkdir(parents=True, exist_ok=True)  # now: a file without a place would be trained in vain
    with closing(Store.open(settings.store)) as store:
        digest = manifest or _build(settings, store, character)[0]
        version = store.adapters.next_version(CharacterId(character))
    order = TrainingOrder(
        run_id=run_id or f"{character}-v{version}-{digest[:8]}",
        character_id=CharacterId(character),
        version=version,
        manifest=digest,
        trigger=trigger_for(character),
    )
    typer.echo(f"run {order.run_id}", err=True)
    with local_ray():
        adapter = train_lora(order, settings, _print_progress)
    path = out / f"char_{character}_v{version}.safetensors"
    path.write_bytes(Blobs(settings.store.blob_root).get(adapter.sha256))
    discard(order.run_id, settings)
    typer.echo(adapter.model_dump_json())
    typer.echo(
        f"written to {path}; serve it: cineai lora import {path} --character {character}", err=True
    )


@app.command("recipe")
def print_recipe() -> None:
    """The recipe that would be used, as JSON."""
    settings = Settings()
    base = base_folder(settings.generator.model)
    typer.echo(
        f"{base.profile.profile.name}: preset {preset_of(base, settings.training)}", err=True
    )
    typer.echo(recipe_for(base, settings.training).model_dump_json(indent=2))


def _build(settings: Settings, store: Store, character_id: str) -> tuple[str, Manifest]:
    character = store.characters.get(CharacterId(character_id))
    wanted = source_images(character, store.golden.list(character.id, accepted=True))
    return build_dataset(
        character,
        wanted,
        store.blobs,
        providers.face_encoder(settings.identity),
        providers.model_profile(settings).profile.training_resolution_px,
        providers.picture_tagger(),
    )


def _print_progress(news: Progress) -> None:
    probe = "" if news.probe_idr is None else f"  probe IDR {news.probe_idr:.3f}"
    loss = "" if news.loss is None else f"  loss {news.loss:.4f}"
    typer.echo(f"step {news.step}/{news.steps}{loss}{probe}", err=True)


if __name__ == "__main__":
    try:
        app()
    except CineError as error:
        typer.echo(f"{error.message}\n{error.advice}", err=True)
        raise SystemExit(1) from None
