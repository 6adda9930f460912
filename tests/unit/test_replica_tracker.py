"""Who is alive, who has answered, and what becomes of those who have not."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from actors.replica_tracker import Ballot, ReplicaTracker
from cluster.domain.learning.adapter import AdapterId
from tests.manual_clock import ManualClock

V2 = AdapterId("char_kairo_v2")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def replicas(clock: ManualClock) -> ReplicaTracker:
    return ReplicaTracker(60.0, clock)


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def waiting(
    ballot: Ballot, timeout_s: float, clock: ManualClock, thread: ThreadPoolExecutor
) -> Future[list[str]]:
    """What `ballot.wait` comes to in another thread, which waits by now."""
    found = thread.submit(ballot.wait, timeout_s)
    clock.rest(threads=1)
    assert not found.done()
    return found


def test_without_replicas_there_is_nothing_to_wait_for(replicas: ReplicaTracker) -> None:
    with replicas.ballot(V2) as ballot:
        assert ballot.wait(5.0) == []
        assert not ballot.lost


def test_a_replica_is_alive_for_as_long_as_it_said_and_a_little_more(clock: ManualClock) -> None:
    replicas = ReplicaTracker(1.0, clock)
    replicas.heard("brief")
    replicas.heard("long", 60.0)
    clock.turn(0.9)
    assert replicas.alive() == {"brief", "long"}
    clock.turn(0.2)
    assert replicas.alive() == {"long"}
    clock.turn(60.0)
    assert replicas.alive() == set()


def test_the_wait_ends_with_the_last_answer_and_tells_who_could_not(
    replicas: ReplicaTracker, clock: ManualClock, thread: ThreadPoolExecutor
) -> None:
    for who in ("a", "b"):
        replicas.heard(who)
    with replicas.ballot(V2) as ballot:
        replicas.answer("b", V2, "NaN in up.0")
        found = waiting(ballot, 10.0, clock, thread)
        replicas.answer("a", V2, None)
        assert found.result() == ["b: NaN in up.0"]
        assert not ballot.lost


def test_a_replica_that_dies_is_named_and_not_waited_for(
    clock: ManualClock, thread: ThreadPoolExecutor
) -> None:
    replicas = ReplicaTracker(2.0, clock)
    replicas.heard("dead")
    with replicas.ballot(V2) as ballot:
        found = waiting(ballot, 30.0, clock, thread)
        clock.turn(2.0)
        assert found.result() == ["dead: did not answer"]


def test_a_silent_replica_is_named_after_the_time_is_up(
    replicas: ReplicaTracker, clock: ManualClock, thread: ThreadPoolExecutor
) -> None:
    replicas.heard("silent")
    with replicas.ballot(V2) as ballot:
        found = waiting(ballot, 5.0, clock, thread)
        clock.turn(4.9)
        assert not found.done()
        clock.turn(0.1)
        assert found.result() == ["silent: did not answer"]
        assert not ballot.lost


def test_a_vote_is_lost_when_every_answer_is_a_refusal(replicas: ReplicaTracker) -> None:
    with replicas.ballot(V2) as ballot:
        replicas.answer("a", V2, "truncated")
        assert ballot.lost
        replicas.answer("b", V2, None)
        assert not ballot.lost


def test_answers_on_other_adapters_and_after_the_end_do_not_count(replicas: ReplicaTracker) -> None:
    with replicas.ballot(V2) as ballot:
        replicas.answer("a", AdapterId("char_kairo_v1"), None)
        assert ballot.answers == {}
    replicas.answer("a", V2, None)
    assert ballot.answers == {}


def test_two_who_ask_about_one_adapter_both_hear_the_answer(replicas: ReplicaTracker) -> None:
    replicas.heard("a")
    with replicas.ballot(V2) as one, replicas.ballot(V2) as other:
        replicas.answer("a", V2, None)
        assert one.wait(1.0) == other.wait(1.0) == []
