"""Wires the deployments together. `serve_config.yaml` points here."""

from collections.abc import Callable
from typing import Any

from ray import serve
from ray.serve import Application

from cluster.settings import Settings

from .analyzer import Analyzer
from .director import Director
from .gateway import Gateway, fastapi_app
from .generator import Generator
from .prompt_engine import PromptEngine
from .refiner import Refiner
from .validator import Validator


def build(settings: Settings) -> Application:
    """The application of a cluster; its `deployments:` in the YAML say what each part may use."""
    return wire(settings, {})


def wire(settings: Settings, generator: dict[str, Any]) -> Application:
    """Every deployment with what it talks to.

    Args:
        generator: `ray_actor_options` of the one part that holds weights. The others ask for no
            logical CPU, so that a laptop schedules them all.
    """

    def part(kind: Callable[..., Any], *, resources: dict[str, Any] = FREE) -> Any:  # noqa: ANN401
        return serve.deployment(
            name=kind.__name__,
            ray_actor_options=resources,
            max_ongoing_requests=100,
            graceful_shutdown_timeout_s=5,
            graceful_shutdown_wait_loop_s=0.1,
            health_check_timeout_s=60,
        )(kind)

    painter = part(Generator, resources=FREE | generator).bind(settings)
    validator = part(Validator).bind(settings)
    refiner = part(Refiner).bind(settings, painter, validator)
    director = part(Director).bind(
        settings,
        part(PromptEngine).bind(settings),
        painter,
        validator,
        refiner,
        part(Analyzer).bind(settings),
    )
    ingress = serve.ingress(fastapi_app)(Gateway)
    return part(ingress).bind(settings, validator, director)


FREE: dict[str, Any] = {"num_cpus": 0}
