"""Wires the deployments together. `serve_config.yaml` points here."""

from collections.abc import Callable
from typing import Any

from ray import serve
from ray.serve import Application, Deployment

from cluster.settings import Settings

from .gateway import Gateway
from .replicas.analyzer import Analyzer
from .replicas.generator import Generator
from .replicas.prompt_engine import PromptEngine
from .replicas.refiner import Refiner
from .replicas.validator import Validator
from .workflow.director import Director

# A listener of a job's events holds a call for as long as it listens.
MAX_CALLS = 1000


def build(settings: Settings) -> Application:
    """The application of a cluster; its `deployments:` in the YAML say what each part may use."""
    return wire(settings, {})


def wire(
    settings: Settings, resources: dict[str, Any], generator: Callable[..., Any] = Generator
) -> Application:
    """Every deployment with what it talks to.

    Args:
        resources: `ray_actor_options` of the one part that holds weights. The others ask for no
            logical CPU, so that a laptop schedules them all.
        generator: The class of that part.
    """
    painter = _part(generator, "Generator", **resources).bind(settings)
    validator = _part(Validator).bind(settings)
    refiner = _part(Refiner).bind(settings, painter, validator)
    director = _part(Director).bind(
        settings,
        _part(PromptEngine).bind(settings),
        painter,
        validator,
        refiner,
        _part(Analyzer).bind(settings),
    )
    return _part(serve.ingress()(Gateway)).bind(settings, validator, director, painter)


def _part(kind: Callable[..., Any], name: str | None = None, **resources: object) -> Deployment:
    return serve.deployment(
        name=name or kind.__name__,
        ray_actor_options={"num_cpus": 0, **resources},
        max_ongoing_requests=MAX_CALLS,
        graceful_shutdown_timeout_s=5,
        graceful_shutdown_wait_loop_s=0.1,
        health_check_timeout_s=60,
    )(kind)
