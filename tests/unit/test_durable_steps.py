import pickle

from dbos import error as dbos_errors
from ray.exceptions import RayTaskError

from cluster.errors import ProviderBusy, ProviderError, Unavailable
from serve.workflow.durable_steps import is_transient


def test_a_lost_process_and_a_busy_provider_are_tried_again() -> None:
    assert is_transient(Unavailable("the part was lost"))
    assert is_transient(ProviderBusy(provider="gemini", retry_after_s=1))


def test_a_bug_and_a_refusal_are_not_tried_again() -> None:
    assert not is_transient(RayTaskError("render", "Traceback", ValueError("no")))
    assert not is_transient(ProviderError("no"))
    assert not is_transient(ValueError("no"))


def test_a_step_that_stays_lost_can_be_checkpointed() -> None:
    given_up = dbos_errors.DBOSMaxStepRetriesExceeded("render-1", 8, [Unavailable("lost")])

    assert isinstance(pickle.loads(pickle.dumps(given_up)).errors[0], Unavailable)
