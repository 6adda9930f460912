"""What the store promises about API keys and idempotency keys, on every database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from cluster.domain.access import StoredReply
from cluster.domain.value import now
from cluster.errors import IdempotencyInFlight, IdempotencyMismatch, NotFound
from cluster.settings import StoreSettings
from cluster.store import Store
from cluster.store.idempotency import STALE_AFTER
from cluster.store.rows import IdempotencyRow

REPLY = StoredReply(status=202, headers={"location": "/v1/jobs/1"}, body=b'{"id": "\xff"}')


def test_a_key_is_known_until_it_is_revoked(store: Store) -> None:
    id, plaintext = store.keys.create("laptop")
    assert plaintext.startswith(f"cine_{id}")
    assert store.keys.verify(plaintext)
    store.keys.revoke(id)
    assert not store.keys.verify(plaintext)
    (listed,) = store.keys.list()
    assert (listed.id, listed.name) == (id, "laptop")
    assert listed.revoked_at is not None


@pytest.mark.parametrize("wrong", ["", "cine_", "cine_abcdefgh", "\x00", "cine_\x00é", "x" * 9999])
def test_what_is_no_key_is_refused(store: Store, wrong: str) -> None:
    store.keys.create("laptop")
    assert not store.keys.verify(wrong)


def test_a_key_with_one_wrong_letter_is_refused(store: Store) -> None:
    _, plaintext = store.keys.create("laptop")
    assert not store.keys.verify(plaintext[:-1] + ("a" if plaintext[-1] != "a" else "b"))
    assert not store.keys.verify(plaintext.removeprefix("cine_"))


def test_only_an_existing_key_can_be_revoked(store: Store) -> None:
    with pytest.raises(NotFound, match="API key 'nobody'"):
        store.keys.revoke("nobody")


def test_a_request_is_answered_once_and_its_answer_repeated(store: Store) -> None:
    assert store.idempotency.claim("k", "body-1") is None
    store.idempotency.complete("k", REPLY)
    store.idempotency.complete("k", REPLY.model_copy(update={"status": 500}))
    assert store.idempotency.claim("k", "body-1") == REPLY


def test_another_request_under_the_same_key_is_refused(store: Store) -> None:
    store.idempotency.claim("k", "body-1")
    with pytest.raises(IdempotencyMismatch):
        store.idempotency.claim("k", "body-2")
    store.idempotency.complete("k", REPLY)
    with pytest.raises(IdempotencyMismatch):
        store.idempotency.claim("k", "body-2")


def test_a_request_in_flight_is_not_begun_again(store: Store) -> None:
    store.idempotency.claim("k", "body-1")
    with pytest.raises(IdempotencyInFlight):
        store.idempotency.claim("k", "body-1")


def test_a_released_key_is_free_but_an_answered_one_is_not(store: Store) -> None:
    store.idempotency.claim("k", "body-1")
    store.idempotency.release("k")
    assert store.idempotency.claim("k", "body-2") is None
    store.idempotency.complete("k", REPLY)
    store.idempotency.release("k")
    assert store.idempotency.claim("k", "body-2") == REPLY


def test_only_a_claimed_key_is_completed(store: Store) -> None:
    with pytest.raises(NotFound, match="idempotency key 'k'"):
        store.idempotency.complete("k", REPLY)


def test_of_claims_at_once_one_is_granted(store: Store) -> None:
    for key in map(str, range(10)):
        assert _granted(store, key, 8) == 1


def test_a_stale_claim_is_taken_over_by_one(store: Store, store_settings: StoreSettings) -> None:
    store.idempotency.claim("k", "body-1")
    engine = sa.create_engine(store_settings.sql_url)
    with engine.begin() as connection:
        past = now() - STALE_AFTER - timedelta(seconds=1)
        moved = sa.update(IdempotencyRow).values(claimed_at=past)
        connection.execute(moved)
    engine.dispose()
    assert _granted(store, "k", 8) == 1


def _granted(store: Store, key: str, claims: int) -> int:
    def claim(_: int) -> bool:
        try:
            return store.idempotency.claim(key, "body-1") is None
        except IdempotencyInFlight:
            return False

    with ThreadPoolExecutor(claims) as pool:
        return sum(pool.map(claim, range(claims)))
