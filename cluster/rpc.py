"""Remote procedure calls: the one place where a part calls another through Ray.

`Remote` puts a handle behind plain methods, so that a caller writes what it would write to the
part itself, and `cluster/handles.py` types what may be written:

    validator = cast(ValidatorHandle, Remote(handle))
    report = await validator.validate(pixels=pixels, character=character)

A Serve deployment and an actor both answer `handle.method.remote(**kwargs)`, so this knows neither.
Every call raises what the part raised rather than Ray's wrapping, and Unavailable when the part's
process was lost under it.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import ray
from ray.actor import ActorProxy
from ray.exceptions import RayError, RayTaskError

from cluster.domain.story.job import Problem
from cluster.errors import CineError, Unavailable

READY = "__ray_ready__"
"""The one method that Ray adds to every actor."""
MESSAGE_CHARACTERS = 2000
"""How much of a failure that nobody foresaw is kept: its text may hold a whole traceback."""

T = TypeVar("T")
Method = Callable[..., Awaitable[Any]]


class Remote:
    """A handle as an object with async methods, which take keywords alone.

    Args:
        handle: Of an actor or a deployment.
        lost: What a call raises, besides RayError, when nobody could answer it: Serve has
            exceptions of its own, which are not imported below serve/.

    Every method raises:
        CineError: What the part raised.
        Unavailable: The part's process died under the call, or there was none.
        RayTaskError: A bug in the part, with its traceback.
    """

    def __init__(self, handle: object, lost: type[Exception] = RayError) -> None:
        self._handle, self._lost = handle, lost

    def __getattr__(self, name: str) -> Method:
        return self._method(name, lambda kwargs: getattr(self._handle, name).remote(**kwargs))

    def _method(self, name: str, send: Callable[[dict[str, Any]], Awaitable[Any]]) -> Method:
        if name.startswith("__") and name != READY:  # asked by Python, not by a caller
            raise AttributeError(name)

        async def method(**kwargs: object) -> object:
            try:
                return await send(kwargs)
            except (RayError, self._lost) as error:
                raise understood(error, self._lost) from None

        return method


class Blocking:
    """A handle of an actor as an object with blocking methods; may be sent to other processes."""

    def __init__(self, actor: object) -> None:
        self._actor = actor

    def __getattr__(self, name: str) -> Callable[..., object]:
        if name.startswith("__"):
            raise AttributeError(name)

        def method(*args: object, **kwargs: object) -> object:
            return result(getattr(self._actor, name).remote(*args, **kwargs))

        return method

    def __reduce__(self) -> tuple[Any, ...]:
        return Blocking, (self._actor,)


def blocking(actor: "ActorProxy[T]") -> T:
    """The actor as if it were here, for processes without an event loop. Raises like `Remote`."""
    return cast(T, Blocking(actor))


def result(reference: "ray.ObjectRef[T]") -> T:
    """What a task or a call comes to, once it has ended. Raises like `Remote`."""
    try:
        return ray.get(reference)
    except RayError as error:
        raise understood(error) from None


def understood(error: BaseException, lost: type[Exception] = RayError) -> BaseException:
    """A failure of a call as its caller should meet it: what the part raised, Unavailable for a
    process that was lost, and a bug with the traceback that Ray gave it."""
    cause = unwrapped(error)
    if isinstance(cause, CineError):
        return cause
    # A bare RayError stands for a bug whose exception could not be pickled.
    died = isinstance(cause, RayError | lost) and type(cause) is not RayError
    if isinstance(error, RayTaskError) and not died:
        return error
    return Unavailable(f"A part of the service was lost under a call: {type(cause).__name__}")


def unwrapped(error: BaseException) -> BaseException:
    """What went wrong in another process; the text of Ray's wrapping is a traceback."""
    while isinstance(error, RayTaskError) and error.cause is not None:
        error = error.cause
    return error


def problem_of(error: BaseException) -> Problem:
    """What the owner of a job or a training run is told about a failure; never a traceback."""
    cause = understood(error) if isinstance(error, RayError) else error
    if isinstance(cause, CineError):
        return Problem(code=cause.code, message=cause.message, advice=cause.advice)
    cause = unwrapped(cause)
    message = f"{type(cause).__name__}: {cause}"[:MESSAGE_CHARACTERS]
    return Problem(code=CineError.code, message=message, advice=CineError.advice)
