import pickle
from collections.abc import Awaitable

import pytest
from ray.exceptions import ActorDiedError, RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, RayServeException

from cluster.domain.story.job import Problem
from cluster.errors import CineError, NotFound, ProviderError, Unavailable
from cluster.rpc import Blocking, Remote, problem_of, understood

GONE = NotFound("character", id="ada")
BUSY = BackPressureError(num_queued_requests=1, max_queued_requests=1)


class Handle:
    """As Ray's handles: `handle.method.remote(**kwargs)` is something to await."""

    def __init__(self, fails: Exception | None = None) -> None:
        self._fails, self.heard = fails, list[dict[str, object]]()

    def __getattr__(self, name: str) -> "Handle":
        return self

    def remote(self, **kwargs: object) -> Awaitable[str]:
        async def answer() -> str:
            self.heard.append(kwargs)
            if self._fails:
                raise self._fails
            return "done"

        return answer()

    def broadcast(self, name: str, **kwargs: object) -> "Handle":
        self.heard.append({"broadcast": name, **kwargs})
        return self

    async def results_async(self, *, return_exceptions: bool) -> list[str]:
        assert return_exceptions
        return ["done"]


def task_error(cause: Exception) -> RayTaskError:
    return RayTaskError("render", "Traceback: a long one", cause)


async def test_a_call_passes_its_keywords_and_gives_what_was_answered() -> None:
    handle = Handle()

    assert await Remote(handle).render(order="o", seed=1) == "done"
    assert handle.heard == [{"order": "o", "seed": 1}]


async def test_arguments_without_a_name_do_not_travel() -> None:
    with pytest.raises(TypeError):
        await Remote(Handle()).render("order")


@pytest.mark.parametrize("nested", [task_error(GONE), task_error(task_error(GONE))])
async def test_what_the_part_raised_comes_without_rays_wrapping(nested: RayTaskError) -> None:
    with pytest.raises(NotFound) as caught:
        await Remote(Handle(nested)).render()

    assert caught.value is GONE
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "lost", [ActorDiedError(), task_error(ActorDiedError()), BUSY, task_error(BUSY)]
)
async def test_a_part_that_was_lost_is_unavailable(lost: Exception) -> None:
    with pytest.raises(Unavailable, match=r"lost under a call: \w+Error$"):
        await Remote(Handle(lost), lost=RayServeException).render()


async def test_a_bug_keeps_the_traceback_of_the_part() -> None:
    for bug in (task_error(ValueError("no")), task_error(RayError("cannot be pickled"))):
        with pytest.raises(RayTaskError, match="a long one"):
            await Remote(Handle(bug)).render()


def test_a_handle_is_no_more_than_its_methods() -> None:
    for proxy in (Remote(Handle()), Blocking(Handle())):
        assert not hasattr(proxy, "__await__")
        assert not hasattr(proxy, "__len__")


def test_a_blocking_handle_travels() -> None:
    sent = pickle.loads(pickle.dumps(Blocking("an actor's handle")))

    assert sent._actor == "an actor's handle"


def test_a_problem_says_what_happened_and_what_to_do() -> None:
    gone = Problem(
        code="not_found", message="character 'ada' does not exist", advice=NotFound.advice
    )

    assert problem_of(GONE) == problem_of(task_error(GONE)) == gone


def test_a_part_that_stays_dead_is_named_without_a_traceback() -> None:
    problem = problem_of(ActorDiedError())

    assert problem.code == "unavailable"
    assert problem.message.endswith("ActorDiedError")
    assert "\n" not in problem.message


def test_a_bug_is_named_without_a_traceback_and_in_short() -> None:
    for bug in (ValueError("no"), task_error(ValueError("no"))):
        assert problem_of(bug) == Problem(
            code="internal", message="ValueError: no", advice=CineError.advice
        )
    assert len(problem_of(ValueError("no" * 9000)).message) == 2000


def test_failures_of_a_provider_are_not_unavailable() -> None:
    assert isinstance(understood(task_error(ProviderError("no"))), ProviderError)
