"""Training: how a character's learning stands, as it happens, and a person's say in it."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
from sse_starlette import EventSourceResponse

from actors.training_queue import images_of
from cluster.domain.character import Character, CharacterId, Slug
from cluster.domain.learning import LearningStatus, TrainingRun, images_wanted

from . import events
from .approval import Approval
from .bodies import Form, form_body, parse, takes_form
from .calls import ask
from .desk import Counter, Desk
from .openapi import problem_responses
from .wire import Captions, GoldenList, RunList

router = APIRouter(prefix="/v1/characters/{character_id}", tags=["training"])

Id = Annotated[Slug, Path(examples=["kairo"])]
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
    desk: Counter,
    character_id: Id,
    form: Annotated[Form, Depends(form_body(files="images", most=MAX_FILES, fields=("captions",)))],
) -> GoldenList:
    """Pictures that you have. Each must pass what the studio's own must: IDR above 0.85, no
    duplicate, no blemish, nothing that makes the set less varied; its `reason` says why not."""
    captions = parse(Captions, form.text("captions"), "captions").root
    images = form.files["images"]
    found = await Approval(desk).admit(CharacterId(character_id), images, captions)
    return GoldenList(items=tuple(found))


@router.get("/golden", summary="List golden images", responses=problem_responses(404, 422))
def list_golden(
    desk: Counter,
    character_id: Id,
    accepted: Annotated[bool | None, Query(description="Left out: refused ones, too.")] = None,
) -> GoldenList:
    """Every picture that was judged, oldest first, with the reason of those that were refused."""
    character = desk.store.characters.get(CharacterId(character_id))
    return GoldenList(items=tuple(desk.store.golden.list(character.id, accepted)))


@router.get("/training", summary="Read how learning stands", responses=problem_responses(404, 422))
def get_training(desk: Counter, character_id: Id) -> LearningStatus:
    """How many images there are, how many are wanted, and the run that is open or the newest."""
    return _status(desk, desk.store.characters.get(CharacterId(character_id)))


@router.get("/training/runs", summary="List training runs", responses=problem_responses(404, 422))
def list_runs(
    desk: Counter, character_id: Id, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> RunList:
    """The newest first, each with the gate's verdict."""
    character = desk.store.characters.get(CharacterId(character_id))
    return RunList(items=tuple(desk.store.training.list(character.id, limit)))


@router.post(
    "/training/run",
    status_code=202,
    summary="Train now",
    responses=problem_responses(403, 404, 409, 422),
)
async def train_now(desk: Counter, character_id: Id) -> TrainingRun:
    """Queue a training, however few images there are. An open run stands."""
    character = await desk.character(CharacterId(character_id))
    run: TrainingRun = await ask(desk.actors.learner.train_now, character.id)
    return run


@router.post("/training/pause", summary="Pause training", responses=problem_responses(404, 422))
async def pause_training(desk: Counter, character_id: Id) -> LearningStatus:
    """A run in flight is stopped at once, and goes on from its last checkpoint when resumed."""
    return await _pause(desk, character_id, True)


@router.post("/training/resume", summary="Resume training", responses=problem_responses(404, 422))
async def resume_training(desk: Counter, character_id: Id) -> LearningStatus:
    """The character is trained again when it is due."""
    return await _pause(desk, character_id, False)


@router.get(
    "/training/events",
    summary="Follow training",
    response_class=EventSourceResponse,
    responses={
        200: events.described("TrainingEvent", "status", "progress", "judging"),
        **problem_responses(404, 422),
    },
)
async def follow_training(
    desk: Counter, character_id: Id, last_event_id: events.LastEventId = 0
) -> Response:
    """Server-sent events from the character's training log: steps, loss, probe IDR, verdicts."""
    character = await desk.character(CharacterId(character_id))
    read = partial(desk.store.training.events, character.id)
    return events.stream(read, last_event_id, desk.settings.gateway)


async def _pause(desk: Desk, character_id: str, paused: bool) -> LearningStatus:
    character = await desk.character(CharacterId(character_id))
    await ask(desk.actors.learner.pause, character.id, paused)
    return _status(desk, character)


def _status(desk: Desk, character: Character) -> LearningStatus:
    training = desk.store.training
    runs = training.list(character.id)
    return LearningStatus(
        character_id=character.id,
        paused=training.is_paused(character.id),
        images=images_of(desk.store, character.id),
        wanted=images_wanted(runs, desk.settings.learner),
        run=runs[0] if runs else None,
    )
