"""Characters, and the lock under which what belongs to one is decided."""

from collections.abc import Callable

from sqlmodel import Session, col, select

from cluster.domain.character import Character, CharacterId
from cluster.domain.value import now
from cluster.errors import Conflict, NotFound
from cluster.store.database import add_once
from cluster.store.repository import ValueRepository
from cluster.store.rows import AdapterSwitchRow, CharacterRow
from cluster.store.serving import served_version


class CharacterRepository(ValueRepository[CharacterId, CharacterRow, Character]):
    """Characters, by id."""

    row, noun = CharacterRow, "character"

    def add(self, character: Character) -> None:
        """Raises Conflict when the id is taken."""
        with self._database.write() as session:
            if not add_once(session, _row(character)):
                raise Conflict(
                    f"character {character.id!r} exists already",
                    advice="Choose another id, or replace the character.",
                )

    def replace(self, character: Character) -> None:
        """Put the character in the place of the one with its id. Raises NotFound."""
        with self._database.write() as session:
            self._existing(session, character.id)
            session.merge(_row(character))

    def change(self, id: CharacterId, by: Callable[[Character], Character]) -> Character:
        """Replace the character by what `by` makes of it; nobody changes it in between.

        Raises NotFound.
        """
        with self._database.write() as session:
            changed = by(self._value(self._existing(session, id, lock=True)))
            session.merge(_row(changed))
            return changed

    def delete(self, id: CharacterId) -> None:
        """Delete it with its episodes, adapters and golden images. Raises NotFound.

        The log of what was served stays, and says that nothing is from now on.
        """
        with self._database.write() as session:
            lock_character(session, id)
            if version := served_version(session, id):
                session.add(
                    AdapterSwitchRow(
                        character_id=id, kind="cleared", replaced=version, problems=[], at=now()
                    )
                )
            session.delete(self._existing(session, id))

    def list(self, after_id: CharacterId | None = None, limit: int = 100) -> list[Character]:
        """At most `limit` characters by id, from the one that follows `after_id`."""
        query = select(CharacterRow).order_by(col(CharacterRow.id)).limit(limit)
        if after_id is not None:
            query = query.where(col(CharacterRow.id) > after_id)
        return self._all(query)

    @staticmethod
    def _value(row: CharacterRow) -> Character:
        return Character.model_validate({**dict(row), "references": tuple(row.references)})


def lock_character(session: Session, id: CharacterId) -> None:
    """Let no other transaction decide on what belongs to this character. Raises NotFound."""
    query = select(CharacterRow.id).where(CharacterRow.id == id)
    if session.exec(query.with_for_update()).first() is None:
        raise NotFound("character", id=id)


def _row(character: Character) -> CharacterRow:
    return CharacterRow(**{**dict(character), "references": [*character.references]})
