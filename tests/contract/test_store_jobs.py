"""What the job repository promises, on every database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from cluster.domain.character import CharacterId
from cluster.domain.story.job import JobId, Problem, Result, Step
from cluster.domain.story.scene import StoryId
from cluster.domain.story.world import WorldState
from cluster.errors import NotFound
from cluster.store import Store
from tests.values import job

ONE = JobId("job-1")


def test_a_job_comes_back_as_it_was_added(store: Store) -> None:
    new = job().model_copy(
        update={
            "steps": (Step(name="context", duration_ms=1.5, detail={"scenes": [1, 2]}),),
            "result": Result(idr=0.9, state_after=_world()),
        }
    )
    store.jobs.add(new)
    assert store.jobs.get(ONE) == new


def test_adding_a_job_twice_leaves_the_first(store: Store) -> None:
    store.jobs.add(job())
    store.jobs.set_status(ONE, "running")
    store.jobs.add(job())
    assert store.jobs.get(ONE).status == "running"
    assert len(store.jobs.events(ONE)) == 2


def test_an_unknown_job_is_named(store: Store) -> None:
    for ask in (
        lambda: store.jobs.get(ONE),
        lambda: store.jobs.set_status(ONE, "running"),
        lambda: store.jobs.add_step(ONE, Step(name="render", duration_ms=1)),
        lambda: store.jobs.set_result(ONE, Result()),
        lambda: store.jobs.add_event(ONE, "progress", {}),
    ):
        with pytest.raises(NotFound, match="job 'job-1'"):
            ask()
    assert store.jobs.events(ONE) == []


def test_a_status_moves_only_as_the_domain_allows(store: Store) -> None:
    store.jobs.add(job())
    assert store.jobs.set_status(ONE, "running")
    assert not store.jobs.set_status(ONE, "queued")
    problem = Problem(code="rejected", message="not Kairo", advice="try again")
    assert store.jobs.set_status(ONE, "rejected", problem)
    assert not store.jobs.set_status(ONE, "cancelled")
    ended = store.jobs.get(ONE)
    assert (ended.status, ended.problem) == ("rejected", problem)
    assert ended.updated_at > ended.created_at


def test_staying_is_allowed_and_logs_nothing(store: Store) -> None:
    store.jobs.add(job())
    assert store.jobs.set_status(ONE, "running")
    assert store.jobs.set_status(ONE, "running")
    assert [one.data["status"] for one in store.jobs.events(ONE)] == ["queued", "running"]


def test_of_two_ends_at_once_one_wins(store: Store) -> None:
    for n in range(10):
        id = JobId(f"race-{n}")
        store.jobs.add(job(id))
        store.jobs.set_status(id, "running")
        with ThreadPoolExecutor(6) as pool:
            ends = ["succeeded", "cancelled", "failed"] * 2
            won = list(pool.map(lambda end, id=id: store.jobs.set_status(id, end), ends))
        final = store.jobs.get(id).status
        assert [end for end, ok in zip(ends, won, strict=True) if ok] == [final, final]
        statuses = [one.data["status"] for one in store.jobs.events(id)]
        assert statuses == ["queued", "running", final]


def test_a_step_is_kept_once_for_its_name_and_attempt(store: Store) -> None:
    store.jobs.add(job())
    first = Step(name="repair", attempt=1, duration_ms=12.5, detail={"idr": 0.7})
    second = Step(name="repair", attempt=2, duration_ms=11.0)
    for step in (first, first.model_copy(update={"duration_ms": 99.0}), second):
        store.jobs.add_step(ONE, step)
    assert store.jobs.get(ONE).steps == (first, second)
    kinds = [(one.kind, one.data.get("attempt")) for one in store.jobs.events(ONE)]
    assert kinds == [("status", None), ("step", 1), ("step", 2)]


def test_events_are_numbered_without_gaps_whoever_writes(store: Store) -> None:
    store.jobs.add(job())
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.jobs.add_event(ONE, "progress", {"n": n}), range(40)))
    events = store.jobs.events(ONE)
    assert [one.seq for one in events] == list(range(1, 42))
    assert {one.data["n"] for one in events[1:]} == set(range(40))


def test_events_are_read_on_from_where_a_reader_was(store: Store) -> None:
    store.jobs.add(job())
    for n in range(5):
        store.jobs.add_event(ONE, "progress", {"n": n})
    assert [one.seq for one in store.jobs.events(ONE, after_seq=2, limit=3)] == [3, 4, 5]
    assert store.jobs.events(ONE, after_seq=6) == []


def test_jobs_are_listed_newest_first_in_pages(store: Store) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for n in range(7):  # two and two share a moment
        made = job(f"job-{n}").model_copy(update={"created_at": start + timedelta(seconds=n // 2)})
        store.jobs.add(made)
    seen: list[str] = []
    before = None
    while page := store.jobs.list(before=before, limit=2):
        seen += [one.id for one in page]
        before = page[-1].created_at, page[-1].id
    assert seen == [f"job-{n}" for n in reversed(range(7))]


def test_jobs_are_filtered_by_status_character_and_story(store: Store) -> None:
    for id, character, story in [("a", "kairo", "s"), ("b", "mira", "s"), ("c", "kairo", "t")]:
        store.jobs.add(job(id, character=character, story=story))
    store.jobs.set_status(JobId("c"), "cancelled")
    kairo = CharacterId("kairo")

    def ids(**wanted: str) -> set[str]:
        return {one.id for one in store.jobs.list(**wanted)}  # type: ignore[arg-type]

    assert ids(status="queued") == {"a", "b"}
    assert ids(character_id=kairo) == {"a", "c"}
    assert ids(character_id=kairo, story_id=StoryId("t"), status="cancelled") == {"c"}
    assert ids(story_id="nowhere") == set()


def test_text_survives_as_it_was_written(store: Store) -> None:
    odd = 'über "quoted" \\ 雨 🌧\n{"json": null}'
    new = job()
    store.jobs.add(new.model_copy(update={"result": Result(prompt=odd)}))
    store.jobs.add_event(ONE, "progress", {"text": odd, "none": None})
    assert store.jobs.get(ONE).result.prompt == odd
    assert store.jobs.events(ONE)[-1].data == {"text": odd, "none": None}


def _world() -> WorldState:
    return WorldState(character_id=CharacterId("kairo"), story_id=StoryId("kairo"), scene=3)
