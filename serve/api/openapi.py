"""The OpenAPI document: what FastAPI sees of the routes, made true and complete."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from cluster.domain.learning.runs import TrainingEvent
from cluster.domain.story.job import JobEvent
from cluster.settings import Settings

from .admission import BACKEND
from .parsing import REF
from .problems import MEDIA_TYPE, ProblemDetails
from .schemas import CharacterChange, Correction, NewCharacter, SceneOrder

VERSION = "1"
DESCRIPTION = """
Cast a character, send scenes, follow their jobs. Every failure is a problem
(`application/problem+json`, RFC 9457) with a stable `code` and an `advice`.
"""
TAGS = [
    {"name": "scenes", "description": "One scene is one job."},
    {"name": "jobs", "description": "Jobs survive restarts; the scenes of a story run in order."},
    {"name": "characters", "description": "Who is cast: profile, references, consent."},
    {"name": "memory", "description": "The state of a story, and the episodes it follows from."},
    {"name": "adapters", "description": "The LoRA versions of a character."},
    {"name": "training", "description": "Golden images, and the runs that learn from them."},
    {"name": "artifacts", "description": "Pictures and other bytes, by their sha256."},
    {"name": "service", "description": "Alive and ready."},
]
BODIES = (SceneOrder, NewCharacter, CharacterChange, Correction)
PROBLEM = {"$ref": "#/components/schemas/ProblemDetails"}
WHEN = {
    400: "The body is not well formed.",
    401: "No valid API key.",
    403: "A rule forbids it; consent is missing or has ended.",
    404: "It does not exist.",
    409: "It contradicts the present state.",
    413: "The body is too large.",
    415: "The body is of another media type.",
    422: "It cannot be carried out as it stands.",
    500: "Something was not foreseen; the log knows the `instance`.",
    503: "A part of the cluster does not answer at the moment.",
}
RETRY = {
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string"}},
}
METHODS = {"get", "put", "post", "delete", "patch"}

Document = dict[str, Any]


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route that may fail with these."""
    return {status: _problem_response(status) for status in statuses}


def add_document(app: FastAPI, settings: Settings) -> None:
    """Give `app` its document, built when it is first asked for."""

    @cache
    def document() -> Document:
        return _document(app, settings)

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI, settings: Settings) -> Document:
    document: Document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        tags=app.openapi_tags,
        routes=app.routes,
    )
    schemas = document["components"]["schemas"]
    schemas |= _inputs()
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    _say_what_is_served(schemas["SceneOrderInput"]["properties"], settings)
    for path, operation in _operations(document):
        responses = operation["responses"]
        if path.startswith("/v1"):
            everywhere = (401, 500, 503) if settings.gateway.keys_required else (500, 503)
            responses |= {str(status): _problem_response(status) for status in everywhere}
            if settings.gateway.keys_required:
                operation["security"] = [{"key": []}]
        operation["responses"] = dict(sorted(responses.items()))
    if settings.gateway.keys_required:
        document["components"]["securitySchemes"] = {
            "key": {
                "type": "http",
                "scheme": "bearer",
                "description": "Made with `cineai keys create`.",
            }
        }
    return document


def _operations(document: Document) -> Iterator[tuple[str, Document]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method in METHODS:
                yield path, operation


def _inputs() -> dict[str, Any]:
    """Schemas of the bodies that `parsing.py` reads, and of what no route returns by itself."""
    _, read = models_json_schema([(model, "validation") for model in BODIES], ref_template=REF)
    _, told = models_json_schema(
        [(model, "serialization") for model in (ProblemDetails, JobEvent, TrainingEvent)],
        ref_template="#/components/schemas/{model}",
    )
    inputs = {f"{name}Input": schema for name, schema in read["$defs"].items()}
    return {**inputs, **told["$defs"]}


def _say_what_is_served(order: dict[str, Any], settings: Settings) -> None:
    """Narrow the schema of an order to what this installation does not refuse."""
    order["cast"]["maxItems"] = 1
    order["backend"] = {
        **order["backend"],
        "anyOf": [{"type": "string", "enum": [BACKEND]}, {"type": "null"}],
    }
    for side in ("width_px", "height_px"):
        order[side]["anyOf"][0]["maximum"] = settings.generator.max_side_px


def _problem_response(status: int) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": WHEN[status],
        "content": {MEDIA_TYPE: {"schema": PROBLEM}},
    }
    return response | ({"headers": RETRY} if status == 503 else {})
