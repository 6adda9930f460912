"""A typed client of our HTTP API. Knows nothing of how answers are shown."""

import json
import mimetypes
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypedDict, TypeVar, Unpack

import httpx
from pydantic import BaseModel

from cluster.domain.character import Character
from cluster.domain.learning.adapter import NO_ADAPTER, AdapterBook, AdapterSwitch, AdapterVersion
from cluster.domain.learning.golden import DatasetStatus, GoldenImage
from cluster.domain.learning.runs import LearningStatus, TrainingEvent, TrainingRun
from cluster.domain.story.episode import Episode
from cluster.domain.story.job import TERMINAL, Job, JobEvent
from cluster.domain.story.world import WorldState
from cluster.errors import CineError, Unavailable

from ..api.schemas import (
    AdapterDetail,
    CharacterPage,
    EpisodePage,
    Found,
    FoundList,
    GoldenList,
    JobAdapter,
    JobPage,
    ScenePlan,
    Served,
    SwitchPage,
)

T = TypeVar("T", bound=BaseModel)

TIMEOUT = httpx.Timeout(60.0, connect=5.0)
UPLOAD_TIMEOUT = httpx.Timeout(300.0, connect=5.0)
STREAM_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
"""Of silence; the server sends heartbeats."""

BINARY = "application/octet-stream"

Upload = tuple[str, bytes, str]
"""A file of a form: its name, its bytes, its media type."""


class Parts(TypedDict, total=False):
    """What a request may carry, in httpx's words."""

    params: Mapping[str, str | int | bool]
    json: Mapping[str, Any]
    data: Mapping[str, str]
    files: Sequence[tuple[str, Upload]]
    headers: Mapping[str, str]
    timeout: httpx.Timeout


class Client:
    """Speaks to one server.

    Args:
        url: Its root, without /v1.
        key: API key, if it asks for one.
        transport: Another way to reach it than the network, for tests.
    """

    def __init__(
        self, url: str, key: str | None = None, transport: httpx.BaseTransport | None = None
    ) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.url, headers=headers, timeout=TIMEOUT, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._http.close()

    # Characters.

    def cast(self, character: Mapping[str, Any], references: Sequence[Path]) -> Character:
        """Make a character of a profile document and its reference pictures."""
        files = [("references", _file(path)) for path in references]
        form = {"character": json.dumps(character)}
        return self._upload(Character, "POST", "/v1/characters", data=form, files=files)

    def character(self, id: str) -> Character:
        return self._ask(Character, "GET", f"/v1/characters/{id}")

    def characters(self) -> list[Character]:
        """All of them, page by page."""
        found: list[Character] = []
        cursor: str | None = ""
        while cursor is not None:
            params: dict[str, str | int] = {"limit": 100} | ({"cursor": cursor} if cursor else {})
            page = self._ask(CharacterPage, "GET", "/v1/characters", params=params)
            found += page.items
            cursor = page.next
        return found

    def state(self, id: str, story: str | None = None, at: int | None = None) -> WorldState:
        """The world state of a character's story, now or after scene `at`."""
        asked = {"story": story, "at": at}
        params = {name: value for name, value in asked.items() if value is not None}
        return self._ask(WorldState, "GET", f"/v1/characters/{id}/state", params=params)

    # Memory.

    def episodes(
        self, id: str, story: str | None = None, *, forgotten: bool = False
    ) -> list[Episode]:
        """All that a character remembers, page by page."""
        path = f"/v1/characters/{id}/episodes"
        params: dict[str, str | int | bool] = {"limit": 100, "forgotten": forgotten}
        params |= {"story": story} if story else {}
        found: list[Episode] = []
        cursor: str | None = ""
        while cursor is not None:
            asked = params | ({"cursor": cursor} if cursor else {})
            page = self._ask(EpisodePage, "GET", path, params=asked)
            found += page.items
            cursor = page.next
        return found

    def search_episodes(
        self, id: str, text: str, limit: int, story: str | None = None
    ) -> tuple[Found, ...]:
        """The episodes nearest in meaning."""
        params: dict[str, str | int] = {"q": text, "limit": limit}
        params |= {"story": story} if story else {}
        path = f"/v1/characters/{id}/episodes/search"
        return self._ask(FoundList, "GET", path, params=params).items

    def search_face(self, id: str, picture: Path, limit: int) -> tuple[Found, ...]:
        """The episodes with the face most like the largest of a picture."""
        path, files = f"/v1/characters/{id}/episodes/search-face", [("picture", _file(picture))]
        return self._upload(FoundList, "POST", path, params={"limit": limit}, files=files).items

    # Scenes and jobs.

    def submit(self, order: Mapping[str, Any], idempotency_key: str | None = None) -> Job:
        """Ask for a scene; the job it became."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self._ask(Job, "POST", "/v1/scenes", json=order, headers=headers)

    def plan(self, order: Mapping[str, Any]) -> ScenePlan:
        """What a scene would become; nothing comes of asking."""
        return self._ask(ScenePlan, "POST", "/v1/scenes:plan", json=order)

    def job(self, id: str) -> Job:
        return self._ask(Job, "GET", f"/v1/jobs/{id}")

    def jobs(self, limit: int, **filters: str | None) -> list[Job]:
        """The newest jobs; filters are `status`, `character` and `story`."""
        params: dict[str, str | int] = {name: one for name, one in filters.items() if one}
        page = self._ask(JobPage, "GET", "/v1/jobs", params={"limit": limit} | params)
        return list(page.items)

    def cancel(self, id: str) -> Job:
        return self._ask(Job, "POST", f"/v1/jobs/{id}/cancel")

    def events(self, id: str, after_seq: int = 0) -> Iterator[JobEvent]:
        """A job's events as they happen, until it has ended; a cut stream is resumed."""
        while True:
            failed = False
            try:
                for event in self._stream(id, after_seq):
                    after_seq = event.seq
                    yield event
            except httpx.TransportError:
                failed = True
            if not failed and self.job(id).status in TERMINAL:
                yield from self._stream(id, after_seq)
                return
            if failed:
                self.job(id)  # raises Unavailable when the server is gone, not just the stream

    def artifact(self, sha256: str) -> bytes:
        """The bytes of a picture."""
        return self._send("GET", f"/v1/artifacts/{sha256}").content

    # Adapters.

    def import_adapter(self, id: str, file: Path, *, activate: bool = True) -> AdapterVersion:
        return self._upload(
            AdapterVersion,
            "PUT",
            _adapters(id),
            data={"activate": json.dumps(activate)},
            files=[("adapter", (file.name, file.read_bytes(), BINARY))],
        )

    def adapters(self, id: str) -> AdapterBook:
        return self._ask(AdapterBook, "GET", _adapters(id))

    def adapter(self, id: str, version: int) -> AdapterDetail:
        """A version with the gate's report, and links to its files."""
        return self._ask(AdapterDetail, "GET", f"{_adapters(id)}/{version}")

    def adapter_file(self, id: str, version: int) -> bytes:
        """The LoRA file, safetensors."""
        path = f"{_adapters(id)}/{version}/file"
        return self._send("GET", path, timeout=UPLOAD_TIMEOUT).content

    def switches(self, id: str) -> list[AdapterSwitch]:
        """What was served when, oldest first."""
        found: list[AdapterSwitch] = []
        after: int | None = 0
        while after is not None:
            params = {"after": after, "limit": 1000}
            page = self._ask(SwitchPage, "GET", f"{_adapters(id)}/history", params=params)
            found += page.items
            after = page.next
        return found

    def served(self, id: str, at: str) -> Served:
        """Which version was active at a moment, written as 2026-01-31T12:00:00Z."""
        return self._ask(Served, "GET", f"{_adapters(id)}/active", params={"at": at})

    def adapter_of(self, job_id: str) -> JobAdapter:
        """Which version a job is rendered with."""
        return self._ask(JobAdapter, "GET", f"/v1/jobs/{job_id}/adapter")

    def promote(self, id: str, version: int, *, force: bool = False) -> AdapterSwitch:
        """Serve a version from the next job on; 0: the base model alone."""
        if version == NO_ADAPTER:
            return self._ask(AdapterSwitch, "DELETE", f"{_adapters(id)}/active")
        path, params = f"{_adapters(id)}/{version}/promote", {"force": force}
        return self._ask(AdapterSwitch, "POST", path, params=params)

    def rollback(self, id: str, version: int) -> AdapterSwitch:
        """Serve again what was served before `version`."""
        return self._ask(AdapterSwitch, "POST", f"{_adapters(id)}/{version}/rollback")

    def delete_adapter(self, id: str, version: int) -> AdapterSwitch:
        return self._ask(AdapterSwitch, "DELETE", f"{_adapters(id)}/{version}")

    # Learning.

    def add_golden(self, id: str, images: Mapping[Path, str]) -> tuple[GoldenImage, ...]:
        """Send approved pictures with their captions; the verdict on each, in order."""
        files = [("images", _file(path)) for path in images]
        form = {"captions": json.dumps(list(images.values()))}
        path = f"/v1/characters/{id}/golden"
        return self._upload(GoldenList, "POST", path, data=form, files=files).items

    def dataset(self, id: str) -> DatasetStatus:
        return self._ask(DatasetStatus, "GET", f"/v1/characters/{id}/dataset")

    def learning(self, id: str) -> LearningStatus:
        """How a character's learning stands."""
        return self._ask(LearningStatus, "GET", f"/v1/characters/{id}/training")

    def train_now(self, id: str) -> TrainingRun:
        return self._ask(TrainingRun, "POST", f"/v1/characters/{id}/training/run")

    def pause_training(self, id: str, paused: bool) -> LearningStatus:
        word = "pause" if paused else "resume"
        return self._ask(LearningStatus, "POST", f"/v1/characters/{id}/training/{word}")

    def training_events(self, id: str, after_seq: int = 0) -> Iterator[TrainingEvent]:
        """A character's training events as they happen, for ever; a cut stream is resumed."""
        path = f"/v1/characters/{id}/training/events"
        while True:
            try:
                for line in self._lines(path, after_seq):
                    event = TrainingEvent.model_validate_json(line)
                    after_seq = event.seq
                    yield event
            except httpx.TransportError:
                self.learning(id)  # raises Unavailable when the server is gone, not just the stream

    def _stream(self, id: str, after_seq: int) -> Iterator[JobEvent]:
        for line in self._lines(f"/v1/jobs/{id}/events", after_seq):
            yield JobEvent.model_validate_json(line)

    def _lines(self, path: str, after_seq: int) -> Iterator[str]:
        """The data of each event of a stream, which is one line: the server writes JSON so."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after_seq)}
        with self._http.stream("GET", path, headers=headers, timeout=STREAM_TIMEOUT) as answer:
            if answer.is_error:
                answer.read()
                raise _problem(answer)
            for line in answer.iter_lines():
                if line.startswith("data:"):
                    yield line.removeprefix("data:")

    def _ask(self, kind: type[T], method: str, path: str, **parts: Unpack[Parts]) -> T:
        """Send a request; its answer, read as `kind`."""
        return kind.model_validate_json(self._send(method, path, **parts).content)

    def _upload(self, kind: type[T], method: str, path: str, **parts: Unpack[Parts]) -> T:
        """`_ask` with the time that files need."""
        parts["timeout"] = UPLOAD_TIMEOUT
        return self._ask(kind, method, path, **parts)

    def _send(self, method: str, path: str, **parts: Unpack[Parts]) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **parts)
        except httpx.TransportError as error:
            raise Unavailable(
                f"No CineAI server answers at {self.url} ({error})",
                advice="Start one with `cineai serve`, or name another with --url.",
            ) from error
        if answer.is_error:
            raise _problem(answer)
        return answer


def _adapters(id: str) -> str:
    return f"/v1/characters/{id}/adapters"


def _file(path: Path) -> Upload:
    kind = mimetypes.guess_type(path.name)[0] or BINARY
    return path.name, path.read_bytes(), kind


def _problem(answer: httpx.Response) -> CineError:
    """The failure that a problem response tells of, under its own code."""
    try:
        body = answer.json()
        error = CineError(_detail(body), advice=body["advice"])
        error.code = body["code"]
    except (ValueError, KeyError, TypeError):
        text = answer.text.strip()[:200] or answer.reason_phrase
        error = CineError(
            f"HTTP {answer.status_code}: {text}",
            advice="Is this a CineAI server? See its log if it is.",
        )
    return error


def _detail(body: Mapping[str, Any]) -> str:
    fields = [f"{one['at']}: {one['message']}" for one in body.get("errors") or ()]
    return "; ".join([body["detail"], *fields])
