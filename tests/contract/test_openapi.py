"""The HTTP API keeps what its OpenAPI document promises, whatever it is sent."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from PIL import Image

from cluster.domain.episode import Episode, EpisodeId
from cluster.domain.job import JobId
from cluster.domain.scene import SceneState
from cluster.settings import GatewaySettings, MemorySettings, Settings, StoreSettings
from serve.desk import Desk
from serve.gateway import fastapi_app
from tests.counter import cast_kairo, job_of, open_desk

EXAMPLES = 6
SEMANTIC = {
    # Whether a picture shows a face, or a file is an adapter of this model, no schema can say.
    "operations": [
        {
            "include-operation-id": ["create_character", "add_references", "import_adapter"],
            "checks": {
                "positive_data_acceptance": {
                    "expected-statuses": ["2xx", "401", "403", "404", "409", "422"]
                }
            },
        }
    ]
}


def picture() -> bytes:
    out = io.BytesIO()
    Image.effect_noise((96, 96), 80).convert("RGB").save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    home: Path = tmp_path_factory.mktemp("home")
    given = Settings(
        store=StoreSettings(home=home),
        gateway=GatewaySettings(
            require_key=True, max_stream_s=0.1, poll_interval_s=0.05, heartbeat_s=0.05
        ),
        memory=MemorySettings(text_encoder="off"),
    )
    from serve.validator import Validator

    with open_desk(given, Validator(given)) as desk:
        cast_kairo(desk)
        for n, status in enumerate(("queued", "running", "failed")):
            desk.store.jobs.add(job_of(f"j{n}"))
            desk.store.jobs.set_status(JobId(f"j{n}"), status)  # type: ignore[arg-type]
        desk.store.episodes.commit(
            Episode(
                id=EpisodeId("j1"),
                character_id="kairo",
                story_id="kairo",
                scene=1,
                prompt="Kairo runs",
                state=SceneState(place="market"),
                artifact=desk.store.blobs.put(picture()),
            )
        )
        yield desk


@pytest.fixture(scope="module")
def key(desk: Desk) -> str:
    return desk.store.keys.create("contract")[1]


@pytest.fixture(scope="module")
def document(desk: Desk) -> Any:  # noqa: ANN401
    schemathesis.openapi.media_type("image/png", st.sampled_from([picture(), b"no image"]))
    config = schemathesis.Config.from_dict(SEMANTIC)
    return schemathesis.openapi.from_asgi("/openapi.json", fastapi_app(desk), config=config)


api = schemathesis.pytest.from_fixture("document")


@api.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_operation_keeps_its_promises(case: Any, key: str) -> None:  # noqa: ANN401
    case.call_and_validate(headers={"Authorization": f"Bearer {key}"})


def test_every_body_has_an_example_and_every_operation_its_words(desk: Desk) -> None:
    document = fastapi_app(desk).openapi()
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
