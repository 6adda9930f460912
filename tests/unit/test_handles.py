"""The parts answer as `cluster/handles.py` says: same names, same types, nothing left out."""

import inspect
from collections.abc import Callable
from typing import get_type_hints

import pytest

from actors.learner import Learner
from actors.memory import MemoryStore
from actors.registry import LoraRegistry
from cluster import handles
from serve.replicas.analyzer import Analyzer
from serve.replicas.generator import Generator
from serve.replicas.prompt_engine import PromptEngine
from serve.replicas.refiner import Refiner
from serve.replicas.validator import Validator
from serve.workflow.director import Director

DEPLOYMENTS: dict[type, type] = {
    handles.DirectorHandle: Director,
    handles.PromptEngineHandle: PromptEngine,
    handles.GeneratorHandle: Generator,
    handles.ValidatorHandle: Validator,
    handles.RefinerHandle: Refiner,
    handles.AnalyzerHandle: Analyzer,
}
ACTORS: dict[type, type] = {
    handles.MemoryStoreHandle: MemoryStore,
    handles.LoraRegistryHandle: LoraRegistry,
    handles.LearnerHandle: Learner,
}
PARTS = DEPLOYMENTS | ACTORS


def methods(handle: type) -> list[str]:
    return [name for name, found in vars(handle).items() if inspect.isfunction(found)
            and not name.startswith("_")]  # fmt: skip


def defaults(method: Callable[..., object]) -> dict[str, object]:
    """Ray gives the methods of an actor a parameter of its own, which begins with `_`."""
    parameters = inspect.signature(method).parameters
    return {name: one.default for name, one in parameters.items() if not name.startswith("_")}


CALLS = [(handle, name) for handle in PARTS for name in methods(handle)]


def test_every_protocol_has_a_part() -> None:
    protocols = {found for name, found in vars(handles).items() if name.endswith("Handle")}

    assert protocols - {handles.ActorHandle} == set(PARTS)
    assert all(methods(handle) for handle in PARTS)


@pytest.mark.parametrize(("handle", "name"), CALLS, ids=lambda one: getattr(one, "__name__", one))
def test_a_part_takes_and_answers_what_its_handle_says(handle: type, name: str) -> None:
    promised, real = getattr(handle, name), getattr(PARTS[handle], name)

    assert get_type_hints(real) == get_type_hints(promised)
    assert defaults(real) == defaults(promised)


@pytest.mark.parametrize(("handle", "name"), CALLS, ids=lambda one: getattr(one, "__name__", one))
def test_what_is_called_is_named_and_awaited(handle: type, name: str) -> None:
    promised = getattr(handle, name)
    _, *parameters = inspect.signature(promised).parameters.values()

    assert inspect.iscoroutinefunction(promised)
    assert all(one.kind is one.KEYWORD_ONLY for one in parameters)
    # An actor answers from threads, a replica from its event loop.
    assert inspect.iscoroutinefunction(getattr(PARTS[handle], name)) == (handle in DEPLOYMENTS)
