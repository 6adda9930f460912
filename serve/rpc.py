"""Calling the other parts through Ray, and hearing what they raise rather than Ray's wrapping."""

from typing import Any, NamedTuple

from ray.exceptions import RayError, RayTaskError

from actors import learner, memory, registry
from cluster.errors import CineError
from cluster.settings import Settings


class Actors(NamedTuple):
    """The stateful actors; each answers `actor.method.remote(...)` with something to await."""

    memory: Any
    registry: Any
    learner: Any

    @classmethod
    def connect(cls, settings: Settings) -> "Actors":
        """Those of this Ray cluster, started if need be."""
        return cls(memory.connect(settings), registry.connect(settings), learner.connect(settings))


async def ask(method: Any, *args: object) -> Any:  # noqa: ANN401 - Ray's handles are untyped
    """Call an actor's or a deployment's method.

    Raises:
        CineError: What the part raised.
        RayError: The part's process died under the call; or, as RayTaskError, a bug in the part.
    """
    try:
        return await method.remote(*args)
    except RayTaskError as error:
        cause = unwrapped(error)
        if isinstance(cause, CineError | RayError):
            raise cause from None
        raise


def unwrapped(error: BaseException) -> BaseException:
    """What went wrong in another process; the text of Ray's wrapping is a traceback."""
    while isinstance(error, RayTaskError) and error.cause is not None:
        error = error.cause
    return error
