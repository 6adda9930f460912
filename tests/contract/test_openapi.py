"""The HTTP API keeps what its OpenAPI document promises, whatever it is sent."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from cluster.domain.character import CharacterId
from cluster.domain.learning.training import GateVerdict
from cluster.domain.story.episode import Episode, EpisodeId
from cluster.domain.story.job import JobId
from cluster.domain.story.scene import SceneState
from cluster.providers.diffusers.folder import base_folder
from cluster.settings import GatewaySettings, Settings, StoreSettings
from serve.api.services import Services
from serve.gateway import fastapi_app
from tests.handles import started
from tests.local_api import cast_kairo, job_of, open_services
from tests.tiny_adapters import lora
from tests.values import adapter

if TYPE_CHECKING:
    import schemathesis


EXAMPLES = 3
# The systematic phase tries every field of a body: hundreds of requests for these. They are fuzzed,
# and their fields' types are covered where they are smaller.
BULKY = ["create_character", "replace_character", "correct_episode"]
# Whether a picture shows a face, or a file is an adapter of this model, no schema can say.
SEMANTIC = [
    "create_character",
    "add_references",
    "import_adapter",
    "add_golden",
    "search_episodes_by_face",
]
ALLOWED = ["2xx", "401", "403", "404", "409"]


def config(key: str) -> schemathesis.Config:
    """Every check, every phase, a fixed seed."""

    import schemathesis

    return schemathesis.Config.from_dict(
        {
            "seed": 1,
            "headers": {"Authorization": f"Bearer {key}"},
            "generation": {"max-examples": EXAMPLES, "deterministic": True, "no-shrink": True},
            "phases": {"stateful": {"max-steps": 4}},
            "continue-on-failure": True,
            "suppress-health-check": ["all"],
            "operations": [
                {
                    "include-operation-id": BULKY,
                    "phases": {"coverage": {"enabled": False}},
                },
                {
                    "include-operation-id": SEMANTIC,
                    "checks": {
                        "positive_data_acceptance": {"expected-statuses": [*ALLOWED, "422"]}
                    },
                },
            ],
        }
    )


def picture() -> bytes:
    out = io.BytesIO()
    Image.effect_noise((96, 96), 80).convert("RGB").save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    home: Path = tmp_path_factory.mktemp("home")
    given = Settings(
        store=StoreSettings(home=home),
        gateway=GatewaySettings(
            require_key=True, max_stream_s=0.1, poll_interval_s=0.05, heartbeat_s=0.05
        ),
    )
    from serve.replicas.validator import Validator

    with open_services(given, started(Validator(given))) as services:
        cast_kairo(services)
        for n, status in enumerate(("queued", "running", "failed")):
            services.store.jobs.add(job_of(f"j{n}"))
            services.store.jobs.set_status(JobId(f"j{n}"), status)  # type: ignore[arg-type]
        services.store.episodes.commit(
            Episode(
                id=EpisodeId("j1"),
                character_id="kairo",
                story_id="kairo",
                scene=1,
                prompt="Kairo runs",
                state=SceneState(place="market"),
                artifact=services.store.blobs.put(picture()),
            )
        )
        _give_kairo_adapters(services)
        yield services


def _give_kairo_adapters(services: Services) -> None:
    """Version 1 was served before version 2, and 2 was passed by the gate."""
    blobs, kairo = services.store.blobs, CharacterId("kairo")
    verdict = GateVerdict(
        promoted=True, scenes=24, report=blobs.put(b"{}"), sheet=blobs.put(picture())
    )
    for version, judged in ((1, None), (2, verdict)):
        file = blobs.put(lora(base_folder("studio"), seed=version))
        services.store.adapters.add(adapter(version, sha256=file, verdict=judged))
        services.store.switches.stage(kairo, version)
        services.store.switches.promote(kairo, version)


def failures(schema: schemathesis.BaseSchema) -> Iterator[str]:
    """What every failed check says, with the request that failed it."""

    from schemathesis import engine
    from schemathesis.engine import events

    for event in engine.from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished | events.FuzzScenarioFinished):
            recorder = event.recorder
            for checks in recorder.checks.values():
                for check in checks:
                    if check.failure_info is not None:
                        failure = check.failure_info.failure
                        curl = check.failure_info.code_sample
                        yield f"{recorder.label}: {failure.title}: {failure.message}\n{curl}"
        elif isinstance(event, events.NonFatalError | events.FatalError):
            yield repr(event)


@pytest.mark.slow
def test_every_operation_keeps_its_promises(services: Services) -> None:
    import schemathesis

    _, key = services.store.keys.create("contract")
    schema = schemathesis.openapi.from_asgi(
        "/openapi.json", fastapi_app(services), config=config(key)
    )
    found = sorted(set(failures(schema)))
    assert found == [], "\n".join(found)


def test_every_body_has_an_example_and_every_operation_its_words(services: Services) -> None:
    document = fastapi_app(services).openapi()
    seen = set()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            seen.add(operation["operationId"])
            assert operation["summary"], (path, method)
            assert operation["tags"], (path, method)
            for content in operation.get("requestBody", {}).get("content", {}).values():
                assert content.get("examples") or content.get("example") is not None
            for status, response in operation["responses"].items():
                if status.startswith(("4", "5")) and path != "/readyz":
                    assert "application/problem+json" in response["content"], (path, status)
    assert len(seen) == sum(len(methods) for methods in document["paths"].values())
