"""Mira, whom the base model never saw: what `cineai demo --learn` has her learned from.

Eight references, and scenes that pass the guards of a training set by some margin, each with its
caption in a text file beside it, as `cineai learn add` takes them.
"""

import io
import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from cluster.codecs.images import decode_image, to_png
from cluster.domain.character import Character, CharacterId, Profile
from cluster.domain.story.scene import SceneState
from cluster.identity_judge import IdentityJudge
from cluster.ports import Pixels
from cluster.settings import Settings, StoreSettings
from cluster.store.blobs import Blobs
from training.data.captions import class_caption
from training.data.curation import ImageSignature, refusal, signature_of
from training.studio.cast.role import profile_of, reference_pictures, state_of
from training.studio.renderer.actor import FEATURE_SIGMA, Actor, SkinMark, random_actor
from training.studio.renderer.render import Renderer
from training.studio.renderer.shot import random_shot

_DRAWN = random_actor(np.random.default_rng(4242))
_BONES = tuple(0.384 / FEATURE_SIGMA * one for one in _DRAWN.features)
MIRA = replace(
    _DRAWN,
    features=_BONES,
    person="woman",
    gender=0.95,
    age=0.67,
    hair_style="bob",
    hair_colour="red",
    left_eye="green",
    right_eye="green",
    left_cyber=False,
    right_cyber=False,
    marks=(SkinMark("scar", "right cheek"),),
    beard=False,
    outfit="jacket",
    outfit_colour="blue",
)
SIDE_PX = 256
SCENES = 32
"""With the references more than the 31 that a training needs, should a few be refused."""
SURE_IDR = 0.88
"""A scene must be surely this actor: well over what a training set asks for."""
MAX_YAW_DEG = 30.0
WEBP_QUALITY = 90
TRIES = 1000


def write_newcomer(folder: Path, actor: Actor = MIRA, name: str = "Mira") -> int:
    """Write the newcomer's pictures, captions and profile; the number of scenes.

    Raises RuntimeError when too few shots pass the guards: the actor is a bad choice then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in [*folder.glob("*.webp"), *folder.glob("*.txt")]:
        old.unlink()
    renderer = Renderer(SIDE_PX)
    references = [webp(picture) for picture in reference_pictures(actor, renderer)]
    for number, content in enumerate(references, start=1):
        (folder / f"reference_{number}.webp").write_bytes(content)
    profile = profile_of(actor)
    scenes = list(_approved(renderer, actor, name, profile, references))
    for number, (content, caption) in enumerate(scenes, start=1):
        (folder / f"golden_{number:02}.webp").write_bytes(content)
        (folder / f"golden_{number:02}.txt").write_text(caption + "\n")
    document = {
        "id": name.lower(),
        "name": name,
        "domain": "studio",
        "consent": {"likeness": "fictional"},
        "profile": profile.model_dump(mode="json", exclude_defaults=True),
    }
    (folder / "profile.json").write_text(json.dumps(document, indent=2) + "\n")
    return len(scenes)


def _approved(
    renderer: Renderer, actor: Actor, name: str, profile: Profile, references: list[bytes]
) -> Iterator[tuple[bytes, str]]:
    """Scenes that the guards accept, as WebP with their captions."""
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(store=StoreSettings(home=Path(home)))
        blobs = Blobs(settings.store.blob_root)
        pictures = [decode_image(content) for content in references]
        character = Character(
            id=CharacterId(name.lower()),
            name=name,
            domain="studio",
            profile=profile,
            references=tuple(blobs.put(to_png(one)) for one in pictures),
        )
        judge = IdentityJudge(settings)
        known = [signature_of(one) for one in pictures]
        kept: list[tuple[ImageSignature, SceneState]] = []
        rng = np.random.default_rng(1)
        for _ in range(TRIES):
            shot = random_shot(rng)
            if abs(shot.yaw) > MAX_YAW_DEG:
                continue
            content = webp(np.asarray(renderer.render(actor, shot), np.uint8))
            pixels, state = decode_image(content), state_of(shot)
            idr = judge.report(pixels, character).idr
            if (idr or 0.0) < SURE_IDR:
                continue
            if refusal(pixels, idr, state, references=known, accepted=kept):
                continue
            kept.append((signature_of(pixels), state))
            yield content, class_caption(profile, state)
            if len(kept) == SCENES:
                return
    raise RuntimeError(f"only {len(kept)} of {TRIES} shots of {name} pass the guards")


def webp(pixels: Pixels) -> bytes:
    """A picture (h, w, 3) uint8 RGB as a small WebP file."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "WEBP", quality=WEBP_QUALITY, method=6)
    return content.getvalue()
