"""Wires the deployments together. `serve_config.yaml` points here."""

from ray import serve
from ray.serve import Application, Deployment

from cluster.settings import Settings
from training.lora.preflight import check

from .gateway import Gateway
from .lifecycle import Lifecycle, replica_of
from .replicas.analyzer import Analyzer
from .replicas.generator import Generator
from .replicas.prompt_engine import PromptEngine
from .replicas.refiner import Refiner
from .replicas.validator import Validator
from .workflow.director import Director

# A listener of a job's events holds a call for as long as it listens.
MAX_CALLS = 1000


def build(settings: Settings) -> Application:
    """The application of a cluster; its `deployments:` in the YAML say what each part may use.

    Raises Invalid for settings that do not go together.
    """
    check(settings)
    return wire(settings, {})


def wire(
    settings: Settings, resources: dict[str, object], generator: type[Lifecycle] = Generator
) -> Application:
    """Every deployment with what it talks to.

    Args:
        resources: `ray_actor_options` of the one part that holds weights. The others ask for no
            logical CPU, so that a laptop schedules them all.
        generator: The class of that part.
    """
    painter = _deployment(generator, "Generator", **resources).bind(settings)
    validator = _deployment(Validator).bind(settings)
    refiner = _deployment(Refiner).bind(settings, generator=painter, validator=validator)
    prompt_engine = _deployment(PromptEngine).bind(settings)
    director = _deployment(Director).bind(
        settings,
        prompt_engine=prompt_engine,
        generator=painter,
        validator=validator,
        refiner=refiner,
        analyzer=_deployment(Analyzer).bind(settings),
    )
    return _deployment(Gateway).bind(
        settings, validator=validator, prompt_engine=prompt_engine, director=director
    )


def _deployment(kind: type[Lifecycle], name: str | None = None, **resources: object) -> Deployment:
    replica = replica_of(kind)
    if issubclass(kind, Gateway):
        replica = serve.ingress()(replica)
    return serve.deployment(
        name=name or kind.__name__,
        ray_actor_options={"num_cpus": 0, **resources},
        max_ongoing_requests=MAX_CALLS,
        graceful_shutdown_timeout_s=5,
        graceful_shutdown_wait_loop_s=0.1,
        health_check_timeout_s=60,
    )(replica)
