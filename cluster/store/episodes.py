"""Episodes: what a story's scenes left behind."""

from collections.abc import Collection, Iterable

import numpy as np
import sqlalchemy as sa
from sqlmodel import Session, col, select

from cluster.domain.character import CharacterId
from cluster.domain.story.episode import Episode, EpisodeId
from cluster.domain.story.scene import SceneState, StoryId
from cluster.errors import Invalid
from cluster.ports import Vector
from cluster.store.characters import lock_character
from cluster.store.repository import ValueRepository
from cluster.store.rows import EpisodeFaceRow, EpisodeRow

FLOAT_BYTES = 4


class EpisodeRepository(ValueRepository[EpisodeId, EpisodeRow, Episode]):
    """Episodes, by id and by story."""

    row, noun = EpisodeRow, "episode"

    def commit(self, episode: Episode, face: tuple[str, Vector] | None = None) -> Episode:
        """Keep an episode as the story's next scene, whatever scene it came with.

        `face` is the model id and the embedding, float32 (dim,), of the character's face in it.

        Doing it again with the same id changes nothing and returns what was kept.

        Raises:
            NotFound: Its character does not exist.
            Invalid: The face is not as long as the model's other faces.
        """
        with self._database.write() as session:
            lock_character(session, episode.character_id)
            known = session.get(EpisodeRow, episode.id)
            if known is not None:
                return self._value(known)
            kept = episode.model_copy(update={"scene": _next_scene(session, episode)})
            session.add(EpisodeRow(**dict(kept)))
            if face is not None:
                session.flush()  # the owner first
                session.add(_face_row(session, kept.id, *face))
            return kept

    def correct(self, id: EpisodeId, state: SceneState) -> Episode:
        """Put `state` in the place of what was seen. Raises NotFound."""
        with self._database.write() as session:
            row = self._existing(session, id, lock=True)
            corrected = self._value(row).with_correction(state)
            row.state, row.corrected = corrected.state, corrected.corrected
            return corrected

    def forget(self, id: EpisodeId) -> Episode:
        """Let it count no more; its scene number stays taken. Raises NotFound."""
        with self._database.write() as session:
            row = self._existing(session, id, lock=True)
            row.forgotten = True
            return self._value(row)

    def several(self, ids: Iterable[EpisodeId]) -> dict[EpisodeId, Episode]:
        """Those of the episodes that exist, by id."""
        query = select(EpisodeRow).where(col(EpisodeRow.id).in_([*ids]))
        return {episode.id: episode for episode in self._all(query)}

    def remembered(self) -> frozenset[EpisodeId]:
        """The ids of all episodes that were not forgotten."""
        query = select(EpisodeRow.id).where(col(EpisodeRow.forgotten).is_(False))
        with self._database.read() as session:
            return frozenset(map(EpisodeId, session.exec(query)))

    def corrected(self) -> frozenset[EpisodeId]:
        """The ids of all episodes that were corrected and not forgotten."""
        query = select(EpisodeRow.id).where(
            col(EpisodeRow.corrected).is_(True), col(EpisodeRow.forgotten).is_(False)
        )
        with self._database.read() as session:
            return frozenset(map(EpisodeId, session.exec(query)))

    def face_models(self) -> dict[str, int]:
        """The models by which any face was embedded, and how many numbers their vectors have."""
        longest = sa.func.max(sa.func.length(EpisodeFaceRow.vector))
        query = select(EpisodeFaceRow.model, longest).group_by(col(EpisodeFaceRow.model))
        with self._database.read() as session:
            return {model: size_bytes // FLOAT_BYTES for model, size_bytes in session.exec(query)}

    def with_face(self, model: str) -> frozenset[EpisodeId]:
        """The ids of all episodes that were not forgotten and have a face by this model."""
        query = (
            select(EpisodeFaceRow.episode_id)
            .join(EpisodeRow, col(EpisodeRow.id) == col(EpisodeFaceRow.episode_id))
            .where(EpisodeFaceRow.model == model, col(EpisodeRow.forgotten).is_(False))
        )
        with self._database.read() as session:
            return frozenset(map(EpisodeId, session.exec(query)))

    def faces(self, model: str, ids: Collection[EpisodeId]) -> dict[EpisodeId, Vector]:
        """The faces of those of the episodes that have one by this model: float32 (dim,)."""
        query = select(EpisodeFaceRow).where(
            EpisodeFaceRow.model == model, col(EpisodeFaceRow.episode_id).in_(ids)
        )
        with self._database.read() as session:
            rows = session.exec(query)
            return {EpisodeId(row.episode_id): np.frombuffer(row.vector, "<f4") for row in rows}

    def list(
        self,
        character_id: CharacterId,
        story_id: StoryId | None = None,
        at: int | None = None,
        include_forgotten: bool = False,
        after: tuple[StoryId, int] | None = None,
        limit: int | None = None,
    ) -> list[Episode]:
        """A character's episodes by story and scene: up to scene `at`, from the one that follows
        the story and scene `after`, and at most `limit`, when given."""
        query = (
            select(EpisodeRow)
            .where(EpisodeRow.character_id == character_id)
            .order_by(col(EpisodeRow.story_id), col(EpisodeRow.scene))
        )
        if story_id is not None:
            query = query.where(EpisodeRow.story_id == story_id)
        if at is not None:
            query = query.where(col(EpisodeRow.scene) <= at)
        if after is not None:
            query = query.where(sa.tuple_(EpisodeRow.story_id, EpisodeRow.scene) > after)
        if limit is not None:
            query = query.limit(limit)
        if not include_forgotten:
            query = query.where(col(EpisodeRow.forgotten).is_(False))
        return self._all(query)

    @staticmethod
    def _value(row: EpisodeRow) -> Episode:
        return Episode.model_validate(dict(row))


def _next_scene(session: Session, episode: Episode) -> int:
    highest = select(sa.func.coalesce(sa.func.max(EpisodeRow.scene), 0)).where(
        EpisodeRow.character_id == episode.character_id,
        EpisodeRow.story_id == episode.story_id,
    )
    return 1 + session.exec(highest).one()


def _face_row(session: Session, id: EpisodeId, model: str, vector: Vector) -> EpisodeFaceRow:
    content = vector.astype("<f4").tobytes()
    other = session.exec(select(EpisodeFaceRow.vector).where(EpisodeFaceRow.model == model)).first()
    if other is not None and len(other) != len(content):
        raise Invalid(
            f"{model} makes faces of {len(other) // FLOAT_BYTES} numbers, not {len(vector)}",
            advice="Name the model that embedded the face.",
        )
    return EpisodeFaceRow(episode_id=id, model=model, vector=content)
