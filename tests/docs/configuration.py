"""`python -m tests.docs.configuration`: writes docs/configuration.md from the Settings."""

import json
from collections.abc import Iterator
from types import UnionType
from typing import Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from cluster.settings import Recipe, Section, Settings
from tests.docs.markdown import ROOT

PAGE = ROOT / "docs" / "configuration.md"
BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "multiple_of": "multiple of"}
INTRO = """\
# Configuration

<!-- Generated from cluster/settings.py by `make docs`; a test keeps it current. -->

Settings say how CineAI behaves; resources (GPUs, replicas) are the `deployments` of
`serve_config.yaml`. A setting `section.field` is taken from, first match wins: the command line of
`cineai serve` where it has an option, `args` in `serve_config.yaml`, the environment variable
`CINEAI_SECTION__FIELD`, the default. An unknown name or a value out of range is refused at start.

```sh parse
CINEAI_GENERATOR__STEPS=20 cineai serve
```

Secrets belong in the environment, never in the file. The defaults are those of a laptop.
"""

RECIPE_NOTE = (
    "How one adapter is trained. The preset fills it by model family; `training.recipe` changes "
    """single fields of it, as JSON: `CINEAI_TRAINING__RECIPE='{"steps": 600}'`."""
)


def markdown() -> str:
    """The whole page."""
    sections = "\n".join(_section(name, field) for name, field in Settings.model_fields.items())
    return f"{INTRO}\n{sections}\n{_fields('training.recipe', Recipe, RECIPE_NOTE)}"


def undescribed() -> list[str]:
    """Fields without a description, as `section.field`."""
    models = {name: _model(field) for name, field in Settings.model_fields.items()}
    return [
        f"{name}.{key}"
        for name, model in (models | {"training.recipe": Recipe}).items()
        for key, field in model.model_fields.items()
        if not field.description
    ]


def _model(field: FieldInfo) -> type[Section]:
    model = field.annotation
    assert isinstance(model, type)
    assert issubclass(model, Section)
    return model


def _section(name: str, field: FieldInfo) -> str:
    model = _model(field)
    return _fields(name, model, " ".join((model.__doc__ or "").split()))


def _fields(name: str, model: type[Section], note: str) -> str:
    rows = "\n".join(_row(key, field) for key, field in model.model_fields.items())
    head = "| field | default | allowed | |\n|---|---|---|---|"
    return f"## {name}\n\n{note}\n\n{head}\n{rows}\n"


def _row(name: str, field: FieldInfo) -> str:
    cells = (f"`{name}`", _default(field), _allowed(field), field.description or "")
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "by preset"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_unset=True)
    return f"`{json.dumps(to_jsonable_python(value))}`"


def _allowed(field: FieldInfo) -> str:
    return ", ".join([*_kinds(field), *_bounds(field)])


def _bounds(field: FieldInfo) -> Iterator[str]:
    for rule in field.metadata:
        yield from (
            f"{sign} {getattr(rule, key)}" for key, sign in BOUNDS.items() if hasattr(rule, key)
        )


def _kinds(field: FieldInfo) -> Iterator[str]:
    """The types of a field in the words of JSON, or the values that it can have."""
    choice = get_origin(field.annotation) in {Union, UnionType, Literal}
    for option in get_args(field.annotation) if choice else (field.annotation,):
        yield _kind(option)


def _kind(option: object) -> str:
    names: dict[object, str] = {
        type(None): "null",
        bool: "true or false",
        int: "whole number",
        float: "number",
        str: "text",
        SecretStr: "secret text",
    }
    if isinstance(option, str):
        return f"`{option}`"
    if option in names:
        return names[option]
    return "path" if getattr(option, "__name__", "") == "Path" else "object"


if __name__ == "__main__":
    PAGE.write_text(markdown())
