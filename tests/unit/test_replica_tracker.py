"""Who is alive, who has answered, and what becomes of those who have not."""

import threading
import time

from actors.replica_tracker import ReplicaTracker
from cluster.domain.learning.adapter import AdapterId

V2 = AdapterId("char_kairo_v2")


def test_without_replicas_there_is_nothing_to_wait_for() -> None:
    with ReplicaTracker(1.0).ballot(V2) as ballot:
        begun = time.monotonic()
        assert ballot.wait(5.0) == []
        assert time.monotonic() - begun < 1.0
        assert not ballot.lost


def test_a_replica_is_alive_for_as_long_as_it_said_and_a_little_more() -> None:
    replicas = ReplicaTracker(0.1)
    replicas.heard("brief")
    replicas.heard("long", 60.0)
    assert replicas.alive() == {"brief", "long"}
    time.sleep(0.15)
    assert replicas.alive() == {"long"}


def test_the_wait_ends_with_the_last_answer_and_tells_who_could_not() -> None:
    replicas = ReplicaTracker(60.0)
    for who in ("a", "b"):
        replicas.heard(who)
    with replicas.ballot(V2) as ballot:
        replicas.answer("b", V2, "NaN in up.0")
        later = threading.Timer(0.2, replicas.answer, ("a", V2, None))
        later.start()
        begun = time.monotonic()
        assert ballot.wait(10.0) == ["b: NaN in up.0"]
        assert 0.1 < time.monotonic() - begun < 5.0
        assert not ballot.lost
        later.join()


def test_a_replica_that_dies_is_named_and_not_waited_for() -> None:
    replicas = ReplicaTracker(0.2)
    replicas.heard("dead")
    with replicas.ballot(V2) as ballot:
        begun = time.monotonic()
        assert ballot.wait(30.0) == ["dead: did not answer"]
        assert time.monotonic() - begun < 5.0


def test_a_silent_replica_is_named_after_the_time_is_up() -> None:
    replicas = ReplicaTracker(60.0)
    replicas.heard("silent")
    with replicas.ballot(V2) as ballot:
        assert ballot.wait(0.2) == ["silent: did not answer"]
        assert not ballot.lost


def test_a_vote_is_lost_when_every_answer_is_a_refusal() -> None:
    replicas = ReplicaTracker(60.0)
    with replicas.ballot(V2) as ballot:
        replicas.answer("a", V2, "truncated")
        assert ballot.lost
        replicas.answer("b", V2, None)
        assert not ballot.lost


def test_answers_on_other_adapters_and_after_the_end_do_not_count() -> None:
    replicas = ReplicaTracker(60.0)
    with replicas.ballot(V2) as ballot:
        replicas.answer("a", AdapterId("char_kairo_v1"), None)
        assert ballot.answers == {}
    replicas.answer("a", V2, None)
    assert ballot.answers == {}


def test_two_who_ask_about_one_adapter_both_hear_the_answer() -> None:
    replicas = ReplicaTracker(60.0)
    replicas.heard("a")
    with replicas.ballot(V2) as one, replicas.ballot(V2) as other:
        replicas.answer("a", V2, None)
        assert one.wait(1.0) == other.wait(1.0) == []
