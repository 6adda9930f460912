"""Episodes: what a story's scenes left behind."""

import sqlalchemy as sa
from sqlmodel import Session, col, select

from cluster.domain.character import CharacterId
from cluster.domain.episode import Episode, EpisodeId
from cluster.domain.scene import SceneState, StoryId
from cluster.errors import NotFound
from cluster.store.characters import lock_character
from cluster.store.database import Database
from cluster.store.rows import EpisodeRow


class EpisodeRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    def commit(self, episode: Episode) -> Episode:
        """Keep an episode as the story's next scene, whatever scene it came with.

        Doing it again with the same id changes nothing and returns what was kept. Raises NotFound
        when its character does not exist.
        """
        with self._database.write() as session:
            lock_character(session, episode.character_id)
            known = session.get(EpisodeRow, episode.id)
            if known is not None:
                return _value(known)
            kept = episode.model_copy(update={"scene": _next_scene(session, episode)})
            session.add(EpisodeRow(**dict(kept)))
            return kept

    def get(self, id: EpisodeId) -> Episode:
        """Raises NotFound."""
        with self._database.read() as session:
            return _value(_existing(session, id))

    def correct(self, id: EpisodeId, state: SceneState) -> Episode:
        """Put `state` in the place of what was seen. Raises NotFound."""
        with self._database.write() as session:
            row = _existing(session, id, lock=True)
            corrected = _value(row).with_correction(state)
            row.state, row.corrected = corrected.state, corrected.corrected
            return corrected

    def forget(self, id: EpisodeId) -> Episode:
        """Let it count no more; its scene number stays taken. Raises NotFound."""
        with self._database.write() as session:
            row = _existing(session, id, lock=True)
            row.forgotten = True
            return _value(row)

    def list(
        self,
        character_id: CharacterId,
        story_id: StoryId | None = None,
        at: int | None = None,
        include_forgotten: bool = False,
    ) -> list[Episode]:
        """A character's episodes by story and scene; up to scene `at` when given."""
        query = (
            select(EpisodeRow)
            .where(EpisodeRow.character_id == character_id)
            .order_by(col(EpisodeRow.story_id), col(EpisodeRow.scene))
        )
        if story_id is not None:
            query = query.where(EpisodeRow.story_id == story_id)
        if at is not None:
            query = query.where(col(EpisodeRow.scene) <= at)
        if not include_forgotten:
            query = query.where(col(EpisodeRow.forgotten).is_(False))
        with self._database.read() as session:
            return [_value(row) for row in session.exec(query)]


def _next_scene(session: Session, episode: Episode) -> int:
    highest = select(sa.func.coalesce(sa.func.max(EpisodeRow.scene), 0)).where(
        EpisodeRow.character_id == episode.character_id,
        EpisodeRow.story_id == episode.story_id,
    )
    return 1 + session.exec(highest).one()


def _existing(session: Session, id: EpisodeId, *, lock: bool = False) -> EpisodeRow:
    row = session.get(EpisodeRow, id, with_for_update=lock)
    if row is None:
        raise NotFound("episode", id=id)
    return row


def _value(row: EpisodeRow) -> Episode:
    return Episode.model_validate(dict(row))
