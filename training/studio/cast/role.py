"""A rendered actor as the product knows one: profile, references, and what a shot of it shows."""

from collections.abc import Iterable
from dataclasses import replace

from cluster.codecs.images import to_png
from cluster.domain.character import Character, CharacterId, Eye, Hair, Mark, Outfit, Profile
from cluster.domain.consent import Consent
from cluster.domain.story.scene import Injury, SceneState
from cluster.ports import BlobStore, Pixels
from training.studio.cast.kairo import reference_shots
from training.studio.renderer.actor import Actor
from training.studio.renderer.render import Renderer
from training.studio.renderer.shot import Shot


def profile_of(actor: Actor) -> Profile:
    """What is said of the actor in words, and nothing of bone and flesh."""
    return Profile(
        gender="man" if actor.person == "man" else "woman",
        skin=actor.skin,
        hair=Hair(colour=actor.hair_colour, style=actor.hair_style),
        left_eye=Eye(colour=actor.left_eye, cyber=actor.left_cyber),
        right_eye=Eye(colour=actor.right_eye, cyber=actor.right_cyber),
        beard=actor.beard,
        marks=tuple(Mark(kind=mark.kind, place=mark.place) for mark in actor.marks),
        outfit=Outfit(garment=actor.outfit, colour=actor.outfit_colour),
    )


def state_of(shot: Shot) -> SceneState:
    """What a shot shows."""
    return SceneState(
        outfit=Outfit(garment=shot.outfit, colour=shot.outfit_colour),
        injuries=tuple(Injury(kind=one.kind, place=one.place) for one in shot.injuries) or None,
        props=(shot.prop,) if shot.prop else None,
        pose=shot.head_pose,
        framing=shot.framing,
        expression=shot.expression,
        action=shot.action,
        place=shot.place,
        weather=shot.weather,
    )


def reference_pictures(actor: Actor, renderer: Renderer) -> list[Pixels]:
    """Eight reference pictures, (side, side, 3) uint8 RGB: plain studio, varied framing, expression
    and pose."""
    return [
        renderer.render(
            actor, replace(shot, outfit=actor.outfit, outfit_colour=actor.outfit_colour)
        )
        for shot in reference_shots()
    ]


def character_of(
    id: str, actor: Actor, references: Iterable[Pixels], blobs: BlobStore
) -> Character:
    """The actor's character; its references, (side, side, 3) uint8 RGB, are kept in ``blobs``."""
    return Character(
        id=CharacterId(id),
        name=id.capitalize(),
        profile=profile_of(actor),
        references=tuple(blobs.put(to_png(picture)) for picture in references),
        consent=Consent(likeness="fictional"),
        domain="studio",
    )
