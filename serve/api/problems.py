"""RFC 9457 problem details: how failures are answered, and the table from errors to statuses."""

import uuid
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from ray.exceptions import RayError
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from cluster.errors import (
    Cancelled,
    CineError,
    Conflict,
    IdempotencyInFlight,
    Invalid,
    NotFound,
    ProviderBusy,
    ProviderError,
    ProviderMissing,
    Refused,
    TooLarge,
    Unauthorized,
    Unavailable,
    Unsupported,
    WrongMedia,
)
from cluster.rpc import understood, unwrapped
from cluster.telemetry import logger

MEDIA_TYPE = "application/problem+json"
RETRY_S = 5

STATUS: dict[type[CineError], int] = {
    NotFound: 404,
    Conflict: 409,
    TooLarge: 413,
    WrongMedia: 415,
    Invalid: 422,
    Unauthorized: 401,
    Refused: 403,
    Unsupported: 422,
    Cancelled: 409,
    Unavailable: 503,
    ProviderBusy: 503,
    ProviderMissing: 503,
    ProviderError: 502,
    CineError: 500,
}
"""By the nearest ancestor."""

PROTOCOL: dict[int, tuple[str, str, str]] = {
    400: ("bad_request", "The request is not well formed.", "Check how its body is encoded."),
    404: ("no_such_route", "No endpoint has this path.", "See /docs for the endpoints."),
    405: (
        "method_not_allowed",
        "This endpoint does not have that method.",
        "Use a method of the Allow header.",
    ),
}
"""Code, title and advice of failures that never reach a route."""


class InvalidField(BaseModel):
    """One thing that is wrong with a request. `at` is a path like `body.profile.hair`."""

    at: str
    message: str


class ProblemDetails(BaseModel):
    """RFC 9457. `code` is stable, `advice` says what to do; match on `code`, show the rest."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:cineai:problem:not_found",
                    "title": "The named thing does not exist.",
                    "status": 404,
                    "detail": "character 'kairo' does not exist",
                    "code": "not_found",
                    "advice": "Check the id; list what exists with the matching GET endpoint.",
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str
    code: str
    advice: str
    instance: str | None = Field(None, description="Names this occurrence in the server's log.")
    errors: tuple[InvalidField, ...] | None = None


def status_of(error: CineError) -> int:
    """The HTTP status of a failure."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def respond(
    error: CineError,
    *,
    instance: str | None = None,
    errors: Sequence[InvalidField] | None = None,
) -> JSONResponse:
    """The problem response of a failure."""
    status = status_of(error)
    body = ProblemDetails(
        type=f"urn:cineai:problem:{error.code}",
        title=(type(error).__doc__ or "").strip().splitlines()[0],
        status=status,
        detail=error.message,
        code=error.code,
        advice=error.advice,
        instance=instance,
        errors=tuple(errors) if errors else None,
    )
    return _json(body, _headers(error, status))


def add_problem_handlers(app: FastAPI) -> None:
    """Have every failure of `app` answered with a problem."""
    app.add_exception_handler(CineError, _on_failure)
    app.add_exception_handler(RayError, _on_failure)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_anything)


async def _on_failure(request: Request, error: Exception) -> JSONResponse:
    cause = understood(error)
    if isinstance(cause, Unavailable):
        logger("gateway").warning("unavailable", path=request.url.path, problem=cause.message)
    return respond(cause) if isinstance(cause, CineError) else _unforeseen(unwrapped(cause))


async def _on_invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    fields = [
        InvalidField(at=".".join(str(part) for part in one["loc"]), message=one["msg"])
        for one in error.errors()
    ]
    first = fields[0]
    more = f" (and {len(fields) - 1} more)" if len(fields) > 1 else ""
    return respond(Invalid(f"{first.at}: {first.message}{more}"), errors=fields)


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code, title, advice = PROTOCOL.get(
        error.status_code, ("http_error", str(error.detail), "See /docs for the endpoints.")
    )
    body = ProblemDetails(
        type=f"urn:cineai:problem:{code}",
        title=title,
        status=error.status_code,
        detail=f"{request.method} {request.url.path}: {error.detail}",
        code=code,
        advice=advice,
    )
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = _allowed(request)
    return _json(body, headers)


def _allowed(request: Request) -> str:
    """Every method of a path; the router knows those of one route only.

    A path of words goes before one with parameters that it would fit, as OpenAPI has it.
    """
    paths: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    here = [path for path in paths if compile_path(path)[0].match(request.url.path)]
    methods = paths[min(here, key=lambda path: path.count("{"))] if here else {}
    return ", ".join(sorted(method.upper() for method in methods))


async def _on_anything(_: Request, error: Exception) -> JSONResponse:
    return _unforeseen(unwrapped(error))


def _unforeseen(error: BaseException) -> JSONResponse:
    instance = uuid.uuid4().urn
    logger("gateway").error("unforeseen", instance=instance, exc_info=error)
    return respond(CineError("Something went wrong that was not foreseen."), instance=instance)


def _headers(error: CineError, status: int) -> dict[str, str]:
    if isinstance(error, ProviderBusy):
        return {"Retry-After": str(max(1, round(error.retry_after_s)))}
    if isinstance(error, IdempotencyInFlight):
        return {"Retry-After": "1"}
    if status == 503:
        return {"Retry-After": str(RETRY_S)}
    return {"WWW-Authenticate": "Bearer"} if status == 401 else {}


def _json(body: ProblemDetails, headers: dict[str, Any]) -> JSONResponse:
    content = body.model_dump(mode="json", exclude_none=True)
    return JSONResponse(content, body.status, headers, MEDIA_TYPE)
