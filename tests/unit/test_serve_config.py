from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.serve.schema import ServeDeploySchema

from cluster.settings import Settings

ROOT = Path(__file__).parents[2]
CONFIGS = sorted(ROOT.glob("serve_config*.yaml"))
PARTS = {"Gateway", "Director", "PromptEngine", "Generator", "Validator", "Refiner", "Analyzer"}


def unknown(given: object, understood: object, at: str = "") -> list[str]:
    """Keys of `given` that a schema dropped on its way to `understood`."""
    if isinstance(given, dict) and isinstance(understood, dict):
        here = [f"{at}.{key}" for key in given if key not in understood]
        return here + [
            key
            for name in given.keys() & understood.keys()
            for key in unknown(given[name], understood[name], f"{at}.{name}")
        ]
    if isinstance(given, list) and isinstance(understood, list):
        pairs = enumerate(zip(given, understood, strict=True))
        return [key for n, (one, two) in pairs for key in unknown(one, two, f"{at}[{n}]")]
    return []


def parse(given: dict[str, Any]) -> ServeDeploySchema:
    schema = ServeDeploySchema.model_validate(given)
    assert unknown(given, schema.model_dump(exclude_unset=True)) == []
    return schema


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_committed_config_parses_and_names_real_parts(path: Path) -> None:
    for app in parse(yaml.safe_load(path.read_text())).applications:
        assert app.import_path == "serve.app:build"
        Settings.model_validate(app.args)
        assert {deployment.name for deployment in app.deployments} <= PARTS


def test_there_is_a_config() -> None:
    assert ROOT / "serve_config.yaml" in CONFIGS


@pytest.mark.parametrize(
    "typo",
    [
        {"applications": [], "aplications": []},
        {"applications": [{"import_path": "serve.app:build", "deploymentz": []}]},
        {
            "applications": [
                {"import_path": "serve.app:build", "deployments": [{"name": "Gateway", "gpu": 1}]}
            ]
        },
    ],
)
def test_a_misspelt_key_is_found(typo: dict[str, Any]) -> None:
    with pytest.raises((AssertionError, ValueError)):
        parse(typo)


def test_a_misspelt_setting_is_found() -> None:
    with pytest.raises(ValueError, match="gatway"):
        Settings.model_validate({"gatway": {}})
