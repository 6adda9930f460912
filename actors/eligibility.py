"""Eligibility for training: whom a run may be made of, and from what; the same for all who ask."""

from datetime import date

from cluster.domain.character import Character, CharacterId
from cluster.domain.learning.golden import Snapshot
from cluster.errors import Conflict
from cluster.store import Store


def trainable(store: Store, character_id: CharacterId, on: date) -> Character:
    """The character, if its consent holds that day. Raises NotFound, ConsentMissing."""
    character = store.characters.get(character_id)
    character.require_consent("trained", on=on)
    return character


def training_set(store: Store, character_id: CharacterId) -> Snapshot:
    """The newest training set of a character. Raises Conflict while there is none."""
    snapshot = store.golden.snapshot(character_id)
    if snapshot is None or snapshot.samples == 0:
        raise Conflict(
            f"{character_id} has no training set yet",
            advice="Add references or golden images that show its face clearly, and wait until "
            "the set is built.",
        )
    return snapshot


def images_of(store: Store, character_id: CharacterId) -> int:
    """Accepted images, references included. Raises NotFound."""
    references = store.characters.get(character_id).references
    return len(references) + len(store.golden.list(character_id, accepted=True))
