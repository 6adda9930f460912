"""Training: how a character's learning stands, as it happens, and a person's say in it."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent

from actors.eligibility import images_of
from cluster.domain.character import Character, CharacterId
from cluster.domain.learning.runs import LearningStatus, TrainingRun, images_wanted

from ..approval import Approval
from ..openapi import problem_responses
from ..parameters import CharacterPath, LastEventId, PageLimit
from ..parsing import Form, form_body, parse, takes_form
from ..schemas import Captions, GoldenList, RunList
from ..services import Services, ServicesDep
from ..sse import EventLog, event_stream, stream_response

router = APIRouter(prefix="/v1/characters/{character_id}", tags=["training"])

MAX_FILES = 100
IMAGES = "image/png, image/jpeg, image/webp"


@router.post(
    "/golden",
    summary="Add approved pictures to the training set",
    responses=problem_responses(400, 403, 404, 413, 415, 422),
    openapi_extra=takes_form(
        {
            "images": {
                "type": "array",
                "items": {"type": "string", "format": "binary"},
                "minItems": 1,
                "maxItems": 50,
                "description": "PNG, JPEG or WebP.",
            },
            "captions": {
                "type": "array",
                "items": {"type": "string", "minLength": 1, "maxLength": 2000},
                "description": "What each image shows, in order.",
            },
        },
        ("images", "captions"),
        {"images": IMAGES, "captions": "application/json"},
        {"captions": ["portrait of a man, dark cloak, angry, fighting, neon city, rain"]},
    ),
)
async def add_golden(
    services: ServicesDep,
    character_id: CharacterPath,
    form: Annotated[Form, Depends(form_body(files="images", most=MAX_FILES, fields=("captions",)))],
) -> GoldenList:
    """Pictures that you have. Each must pass what the studio's own must: IDR above 0.85, no
    duplicate, no blemish, nothing that makes the set less varied; its `reason` says why not."""
    captions = parse(Captions, form.text("captions"), "captions").root
    images = form.files["images"]
    found = await Approval(services).admit(CharacterId(character_id), images, captions)
    return GoldenList(items=tuple(found))


@router.get("/golden", summary="List golden images", responses=problem_responses(404, 422))
def list_golden(
    services: ServicesDep,
    character_id: CharacterPath,
    accepted: Annotated[bool | None, Query(description="Left out: refused ones, too.")] = None,
) -> GoldenList:
    """Every picture that was judged, oldest first, with the reason of those that were refused."""
    character = services.store.characters.get(CharacterId(character_id))
    return GoldenList(items=tuple(services.store.golden.list(character.id, accepted)))


@router.get("/training", summary="Read how learning stands", responses=problem_responses(404, 422))
def get_training(services: ServicesDep, character_id: CharacterPath) -> LearningStatus:
    """How many images there are, how many are wanted, and the run that is open or the newest."""
    return _status(services, services.store.characters.get(CharacterId(character_id)))


@router.get("/training/runs", summary="List training runs", responses=problem_responses(404, 422))
def list_runs(services: ServicesDep, character_id: CharacterPath, limit: PageLimit = 20) -> RunList:
    """The newest first, each with the gate's verdict."""
    character = services.store.characters.get(CharacterId(character_id))
    return RunList(items=tuple(services.store.training.list(character.id, limit)))


@router.post(
    "/training/run",
    status_code=202,
    summary="Train now",
    responses=problem_responses(403, 404, 409, 422),
)
async def train_now(services: ServicesDep, character_id: CharacterPath) -> TrainingRun:
    """Queue a training, however few images there are. An open run stands."""
    character = await services.character(CharacterId(character_id))
    return await services.actors.learner.train_now(character_id=character.id)


@router.post("/training/pause", summary="Pause training", responses=problem_responses(404, 422))
async def pause_training(services: ServicesDep, character_id: CharacterPath) -> LearningStatus:
    """A run in flight is stopped at once, and goes on from its last checkpoint when resumed."""
    return await _pause(services, character_id, True)


@router.post("/training/resume", summary="Resume training", responses=problem_responses(404, 422))
async def resume_training(services: ServicesDep, character_id: CharacterPath) -> LearningStatus:
    """The character is trained again when it is due."""
    return await _pause(services, character_id, False)


async def training_events(
    services: ServicesDep, character_id: CharacterPath, last_event_id: LastEventId = 0
) -> EventLog:
    """The log of a character's training, which never ends. Raises NotFound."""
    character = await services.character(CharacterId(character_id))
    return EventLog(partial(services.store.training.events, character.id), last_event_id)


@router.get(
    "/training/events",
    summary="Follow training",
    response_class=EventSourceResponse,
    responses={
        200: stream_response("TrainingEvent", "status", "progress", "judging"),
        **problem_responses(404, 422),
    },
)
async def follow_training(
    services: ServicesDep, log: Annotated[EventLog, Depends(training_events)]
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events from the character's training log: steps, loss, probe IDR, verdicts."""
    async for event in event_stream(log, services.settings.gateway, services.clock):
        yield event


async def _pause(services: Services, character_id: str, paused: bool) -> LearningStatus:
    character = await services.character(CharacterId(character_id))
    await services.actors.learner.pause(character_id=character.id, paused=paused)
    return _status(services, character)


def _status(services: Services, character: Character) -> LearningStatus:
    training = services.store.training
    runs = training.list(character.id)
    return LearningStatus(
        character_id=character.id,
        paused=training.is_paused(character.id),
        images=images_of(services.store, character.id),
        wanted=images_wanted(runs, services.settings.learner),
        run=runs[0] if runs else None,
    )
