"""Artifacts, and whether the service is alive and ready."""

from typing import Annotated

from fastapi import APIRouter, Header, Response

from ..openapi import problem_responses
from ..parameters import DigestPath
from ..schemas import Health, Readiness
from ..services import ServicesDep

router = APIRouter()

FOREVER = "private, max-age=31536000, immutable"
UNKNOWN = "application/octet-stream"
MAGIC = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftyp", "video/mp4"),
)
BYTES = {"schema": {"type": "string", "format": "binary"}}
HEADERS = {
    "ETag": {"description": "The digest, quoted.", "schema": {"type": "string"}},
    "Cache-Control": {"description": "For ever.", "schema": {"type": "string"}},
}


@router.get(
    "/v1/artifacts/{sha256}",
    tags=["artifacts"],
    summary="Read an artifact",
    response_class=Response,
    responses={
        200: {
            "description": "Its bytes; they never change.",
            "content": dict.fromkeys((*(kind for _, _, kind in MAGIC), UNKNOWN), BYTES),
            "headers": HEADERS,
        },
        304: {"description": "The client has it.", "headers": HEADERS},
        **problem_responses(404, 422),
    },
)
def get_artifact(
    services: ServicesDep,
    sha256: DigestPath,
    if_none_match: Annotated[str | None, Header(alias="If-None-Match")] = None,
) -> Response:
    """A picture, by the digest that a job, character or episode names."""
    headers = {"ETag": f'"{sha256}"', "Cache-Control": FOREVER}
    if if_none_match and sha256 in if_none_match and services.store.blobs.exists(sha256):
        return Response(status_code=304, headers=headers)
    content = services.store.blobs.get(sha256)
    return Response(content, headers=headers, media_type=media_type(content))


def media_type(content: bytes) -> str:
    """What bytes are, by their first few."""
    for at, magic, kind in MAGIC:
        if content.startswith(magic, at):
            return kind
    return UNKNOWN


@router.get("/healthz", tags=["service"], summary="Alive?")
def healthz() -> Health:
    """This replica answers."""
    return Health()


@router.get(
    "/readyz",
    tags=["service"],
    summary="Ready?",
    responses={503: {"model": Readiness, "description": "Not ready; `checks` say why."}},
)
async def readyz(services: ServicesDep, response: Response) -> Readiness:
    """The store, the queue, the actors and every deployment answer."""
    checks = await services.checks()
    ready = all(check.ok for check in checks.values())
    response.status_code = 200 if ready else 503
    return Readiness(ready=ready, checks=checks)
