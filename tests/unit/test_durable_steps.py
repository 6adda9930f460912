import pickle

from dbos import error as dbos_errors
from ray.exceptions import ActorDiedError, RayTaskError
from ray.serve.exceptions import BackPressureError

from cluster.domain.job import Problem
from cluster.errors import NotFound, ProviderBusy, ProviderError
from serve.workflow.durable_steps import lost, problem_of


def test_a_dead_process_and_a_busy_provider_are_tried_again() -> None:
    assert lost(ActorDiedError())
    assert lost(BackPressureError(num_queued_requests=1, max_queued_requests=1))
    assert lost(ProviderBusy(provider="gemini", retry_after_s=1))


def test_a_bug_and_a_refusal_are_not_tried_again() -> None:
    assert not lost(RayTaskError("render", "Traceback", ValueError("no")))
    assert not lost(ProviderError("no"))
    assert not lost(ValueError("no"))


def test_a_problem_says_what_happened_and_what_to_do() -> None:
    error = NotFound("character", id="ada")

    assert problem_of(error) == Problem(
        code="not_found", message="character 'ada' does not exist", advice=NotFound.advice
    )


def test_a_step_that_stays_lost_can_be_checkpointed() -> None:
    given_up = dbos_errors.DBOSMaxStepRetriesExceeded("render-1", 8, [ActorDiedError()])

    assert isinstance(pickle.loads(pickle.dumps(given_up)).errors[0], ActorDiedError)


def test_a_part_that_stays_dead_is_named_without_a_traceback() -> None:
    problem = problem_of(ActorDiedError())

    assert problem.code == "unavailable"
    assert "\n" not in problem.message
