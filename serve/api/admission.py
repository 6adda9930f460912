"""What is refused before anything is spent on it."""

import hashlib
import uuid

from cluster.domain.character import Character
from cluster.domain.story.job import JobId
from cluster.domain.story.scene import SceneRequest
from cluster.errors import Invalid, Unsupported
from cluster.settings import GeneratorSettings
from cluster.store.adapters import AdapterRepository

from .schemas import SceneOrder, story_of

BACKEND = "diffusers"
"""What paints here, and what a scene may name: a local diffusers pipeline."""
JOBS = uuid.UUID("6f1d7a52-4f0e-4c0b-9a3a-0c1ce0a1b001")


def refuse_order(order: SceneOrder, settings: GeneratorSettings) -> None:
    """Raises Unsupported or Invalid for what this installation cannot render, whoever it shows."""
    if len(order.actors) > 1:
        raise Unsupported(
            f"cast has {len(order.actors)} characters; a scene shows one for now",
            advice="Send one scene for each character.",
        )
    if order.backend not in (None, BACKEND):
        raise Unsupported(
            f"backend {order.backend!r} is not served here",
            advice=f"Leave `backend` out or set it to {BACKEND!r}.",
        )
    for name, side in (("width_px", order.width_px), ("height_px", order.height_px)):
        if side is not None and side > settings.max_side_px:
            raise Invalid(f"{name} = {side}: at most {settings.max_side_px} px here")


def request_of(order: SceneOrder) -> SceneRequest:
    """The scene that an admitted order asks for."""
    shared = order.model_dump(exclude={"cast", "character_id", "story_id"})
    return SceneRequest(character_id=order.actors[0], story_id=story_of(order), **shared)


def refuse_unknown_adapter(
    adapters: AdapterRepository, character: Character, version: int | None
) -> None:
    """Raises NotFound for a version that the character does not have."""
    if version:
        adapters.get(character.id, version)


def job_id(key: str | None, fingerprint: str) -> JobId:
    """A new job's id. The same idempotency key and body always give the same one, so that a
    request whose answer was lost cannot make a second job."""
    if key is None:
        return JobId(str(uuid.uuid4()))
    return JobId(str(uuid.uuid5(JOBS, f"{key} {fingerprint}")))


def order_digest(order: SceneOrder) -> str:
    """Content digest of an order, hex SHA-256: the same for two bodies that ask for the same."""
    return hashlib.sha256(order.model_dump_json().encode()).hexdigest()
