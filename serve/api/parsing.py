"""Reading request bodies strictly, and saying in the OpenAPI document what they are.

FastAPI's own reading is lax (`"1"` for 1, a date from a number) and ignores the media type.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile

from cluster.errors import Invalid, WrongMedia

T = TypeVar("T", bound=BaseModel)

JSON = "application/json"
MULTIPART = "multipart/form-data"
REF = "#/components/schemas/{model}Input"


def json_body(model: type[T]) -> Callable[[Request], Awaitable[T]]:
    """A dependency: the request's JSON body as a `model`."""

    async def read(request: Request) -> T:
        _require(request, JSON)
        return parse(model, await request.body(), "body")

    return read


def parse(model: type[T], content: bytes | str, where: str) -> T:
    """`content` as a `model`. Raises RequestValidationError."""
    try:
        return model.model_validate_json(content, strict=True)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError(
            [{**one, "loc": (where, *one["loc"])} for one in found]
        ) from error


@dataclass(frozen=True)
class Form:
    """A multipart form: text fields, and the files of each file field."""

    fields: Mapping[str, str]
    files: Mapping[str, tuple[UploadFile, ...]]

    def text(self, name: str) -> str:
        """Raises Invalid when the field is missing."""
        if name not in self.fields:
            raise Invalid(f"form: the field {name!r} is missing")
        return self.fields[name]


def form_body(
    *, files: str, most: int, fields: tuple[str, ...] = ()
) -> Callable[[Request], AsyncIterator[Form]]:
    """A dependency: the request's form, with 1 to `most` files in the field `files`."""

    async def read(request: Request) -> AsyncIterator[Form]:
        _require(request, MULTIPART)
        async with request.form(max_files=most, max_fields=most) as form:
            texts: dict[str, str] = {}
            uploads: list[UploadFile] = []
            for name, value in form.multi_items():
                if isinstance(value, UploadFile) and name == files:
                    uploads.append(value)
                elif isinstance(value, str) and name in fields and name not in texts:
                    texts[name] = value
                else:
                    raise Invalid(f"form: the field {name!r} is not expected (again, or as that)")
            if not uploads:
                raise Invalid(f"form: send at least one file in the field {files!r}")
            yield Form(texts, {files: tuple(uploads)})

    return read


def takes_json(model: type[BaseModel], examples: Mapping[str, Any]) -> dict[str, Any]:
    """`openapi_extra` of a route that reads a `model`."""
    content = {"schema": {"$ref": REF.format(model=model.__name__)}, "examples": _named(examples)}
    return {"requestBody": {"required": True, "content": {JSON: content}}}


def takes_form(
    properties: Mapping[str, Any],
    required: tuple[str, ...],
    media_types: Mapping[str, str],
    example: Mapping[str, Any],
) -> dict[str, Any]:
    """`openapi_extra` of a route that reads a form."""
    content = {
        "schema": {
            "type": "object",
            "properties": properties,
            "required": list(required),
            "additionalProperties": False,
        },
        "encoding": {name: {"contentType": kind} for name, kind in media_types.items()},
        "example": example,
    }
    return {"requestBody": {"required": True, "content": {MULTIPART: content}}}


def _named(examples: Mapping[str, Any]) -> dict[str, Any]:
    return {name: {"value": value} for name, value in examples.items()}


def _require(request: Request, media_type: str) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != media_type:
        raise WrongMedia(
            f"Send the body as {media_type}, not as {given or 'nothing in particular'}"
        )
