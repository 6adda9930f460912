"""How pictures that a person approved join a training set: judged like the studio's own."""

import asyncio
import hashlib
from collections.abc import Sequence

from starlette.datastructures import UploadFile

from cluster.codecs.images import to_png
from cluster.domain.character import Character, CharacterId
from cluster.domain.identity.score import IdentityReport
from cluster.domain.learning.golden import GoldenImage
from cluster.domain.reading.request import read
from cluster.domain.story.scene import Injury, SceneState
from cluster.domain.value import now
from cluster.errors import Invalid
from cluster.ports import Pixels

from .services import Services
from .uploads import read_all

ORIGIN = "import-"
"""What the job id of a picture begins with that no job painted."""


class Approval:
    """Each picture gets its verdict; one that is refused does not keep out the others."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def admit(
        self, id: CharacterId, files: Sequence[UploadFile], captions: Sequence[str]
    ) -> list[GoldenImage]:
        """The verdicts, in order. Raises NotFound, ConsentMissing, Invalid, BadImage."""
        character = await self._services.character(id)
        character.require_consent("trained", on=now().date())
        if len(captions) != len(files):
            raise Invalid(f"captions: {len(captions)} for {len(files)} images; send one for each")
        images = await read_all(files, self._services.settings.gateway)
        return [
            await self._judge(character, image, caption)
            for image, caption in zip(images, captions, strict=True)
        ]

    async def _judge(self, character: Character, pixels: Pixels, caption: str) -> GoldenImage:
        report: IdentityReport = await self._services.identify(pixels, character)
        sha256 = await asyncio.to_thread(self._services.store.blobs.put, to_png(pixels))
        return await self._services.actors.learner.collect(
            job_id=import_id(character.id, sha256),
            character_id=character.id,
            sha256=sha256,
            idr=report.idr,
            state=described(caption, character.name),
            caption=caption,
        )


def import_id(character_id: CharacterId, sha256: str) -> str:
    """Stands for a job: the same picture of a character is judged once."""
    return ORIGIN + hashlib.sha256(f"{character_id}:{sha256}".encode()).hexdigest()[:40]


def described(caption: str, name: str) -> SceneState:
    """What a person's caption says that a picture shows; what it leaves out is not known."""
    seen = read(caption, name)
    wounds = [Injury(kind=one.kind, place=one.place) for one in seen.wounds if one.place]
    fields = {
        "outfit": seen.outfit,
        "injuries": tuple(wounds) or None,
        "props": seen.props or None,
        "pose": seen.pose,
        "framing": seen.framing,
        "expression": seen.expression,
        "action": seen.action,
        "place": seen.place,
        "weather": seen.weather,
    }
    said = {name: value for name, value in fields.items() if value is not None}
    return SceneState.model_validate({**said, "source": dict.fromkeys(said, "corrected")})
