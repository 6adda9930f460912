"""How reference images join a character: decoded, checked together, then kept."""

import asyncio
import re
import unicodedata
from collections.abc import Sequence

from starlette.datastructures import UploadFile

from cluster.codecs.images import decode_image, to_png
from cluster.domain.character import Character, CharacterId
from cluster.domain.identity.score import Domain
from cluster.errors import Conflict, Invalid, NotFound
from cluster.ports import Pixels

from .schemas import NewCharacter
from .services import Services
from .uploads import read_images


class Casting:
    """Characters as they come in and change. Nothing is kept when anything is refused."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def admit(self, new: NewCharacter, files: Sequence[UploadFile]) -> Character:
        """Raises Conflict, Invalid, BadImage, OddOneOut."""
        id = CharacterId(new.id or slug(new.name))
        await self._refuse_taken(id)
        images = await read_images(files, self._services.settings.gateway)
        await self._check(new.domain, [], images, files)
        fields = new.model_dump(exclude={"id"})
        character = Character(id=id, references=await self._keep(images), **fields)
        await asyncio.to_thread(self._services.store.characters.add, character)
        return character

    async def add_references(self, id: CharacterId, files: Sequence[UploadFile]) -> Character:
        """Raises NotFound, Invalid, BadImage, OddOneOut."""
        known = await self._services.character(id)
        limits = self._services.settings.gateway
        images = await read_images(files, limits, kept=len(known.references))
        await self._check(known.domain, known.references, images, files)
        new = await self._keep(images)

        def grown(character: Character) -> Character:
            references = tuple(dict.fromkeys((*character.references, *new)))
            return character.model_copy(update={"references": references})

        return await asyncio.to_thread(self._services.store.characters.change, id, grown)

    async def _refuse_taken(self, id: CharacterId) -> None:
        try:
            await self._services.character(id)
        except NotFound:
            return
        raise Conflict(f"character {id!r} exists already", advice="Choose another id.")

    async def _check(
        self,
        domain: Domain,
        kept: Sequence[str],
        images: Sequence[Pixels],
        files: Sequence[UploadFile],
    ) -> None:
        """One face in each, and all of one person; the error names the file."""
        before = [await asyncio.to_thread(self._load, sha256) for sha256 in kept]
        names = [f"reference {sha256[:12]}" for sha256 in kept]
        names += [file.filename or "unnamed" for file in files]
        await self._services.check_references([*before, *images], names, domain)

    def _load(self, sha256: str) -> Pixels:
        return decode_image(self._services.store.blobs.get(sha256))

    async def _keep(self, images: Sequence[Pixels]) -> tuple[str, ...]:
        """Digests, in order, the same picture once."""
        digests = [await asyncio.to_thread(self._put, image) for image in images]
        return tuple(dict.fromkeys(digests))

    def _put(self, pixels: Pixels) -> str:
        return self._services.store.blobs.put(to_png(pixels))


def slug(name: str) -> str:
    """`Kairo Tanaka` -> `kairo-tanaka`. Raises Invalid when nothing is left of the name."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:63]
    if not words:
        raise Invalid(f"no id can be made from the name {name!r}: send an `id`")
    return words
