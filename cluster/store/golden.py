"""Golden images, and the training sets that were built from them."""

from sqlmodel import col, select

from cluster.domain.character import CharacterId
from cluster.domain.learning.golden import GoldenImage, Snapshot
from cluster.store.characters import lock_character
from cluster.store.database import add_once
from cluster.store.repository import ValueRepository
from cluster.store.rows import GoldenRow, SnapshotRow


class GoldenRepository(ValueRepository[str, GoldenRow, GoldenImage]):
    """The verdicts on a character's images, and its training sets."""

    row, noun = GoldenRow, "golden image"

    def add(self, image: GoldenImage) -> None:
        """Keep the verdict on a job's image; the first one stands. Raises NotFound (character)."""
        with self._database.write() as session:
            lock_character(session, image.character_id)
            add_once(session, GoldenRow(**dict(image)))

    def set_snapshot(self, snapshot: Snapshot) -> None:
        """Make it the character's newest training set. Raises NotFound (character)."""
        with self._database.write() as session:
            lock_character(session, snapshot.character_id)
            session.add(SnapshotRow(**dict(snapshot)))

    def snapshot(self, character_id: CharacterId) -> Snapshot | None:
        """The newest training set of a character."""
        query = (
            select(SnapshotRow)
            .where(SnapshotRow.character_id == character_id)
            .order_by(col(SnapshotRow.id).desc())
            .limit(1)
        )
        with self._database.read() as session:
            row = session.exec(query).first()
            return Snapshot.model_validate(row.model_dump(exclude={"id"})) if row else None

    def list(self, character_id: CharacterId, accepted: bool | None = None) -> list[GoldenImage]:
        """A character's verdicts, oldest first; only the accepted or refused ones on request."""
        query = (
            select(GoldenRow)
            .where(GoldenRow.character_id == character_id)
            .order_by(col(GoldenRow.created_at), col(GoldenRow.job_id))
        )
        if accepted is not None:
            query = query.where(col(GoldenRow.accepted).is_(accepted))
        return self._all(query)

    @staticmethod
    def _value(row: GoldenRow) -> GoldenImage:
        return GoldenImage.model_validate(dict(row))
