"""Every block of the documents is run, read by the program it is for, or covered elsewhere.

The words after a fence's language say which: `sh` alone is run against a live service, in the
order of the page, by a reader who has read the README; `sh parse` is read by each program's own
parser, because it would take minutes or a cluster; `python fragment` is a line of a file.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest
import yaml
from _pytest.mark import ParameterSet
from pydantic import TypeAdapter

from cluster.domain.character import Profile
from cluster.domain.consent import Consent
from cluster.providers.diffusers.profile import read_profile
from cluster.settings import Settings
from serve.api.schemas import Correction, NewCharacter, SceneOrder
from serve.cli.service import running
from tests.docs.command_lines import commands, missing_files, parse, unknown_words
from tests.docs.markdown import ROOT, Block, blocks, documents, inline_commands

README = ROOT / "README.md"
BIN = Path(sys.executable).parent
WRITTEN_URL = "localhost:8000"
DIAGRAMS = ("flowchart ", "sequenceDiagram")
COVERED = {
    blocks(README)[0].text: ("integration/test_demo_command.py", "demo"),
    blocks(README)[1].text: ("docs/test_readme.py", "test_ci_runs_the_second_command"),
}
"""Blocks that a test of their own is about."""
MODELS: dict[str, type] = {
    "character": NewCharacter,
    "profile": Profile,
    "consent": Consent,
    "scene": SceneOrder,
    "correction": Correction,
    "settings": Settings,
}
"""What a `json` or `yaml` block holds, by the word after its language."""

EVERY = [block for path in documents() for block in blocks(path)]


def kind(block: Block) -> str:
    """Which way of being checked a block is given."""
    if block.text in COVERED:
        return "covered"
    match block.language, block.marks:
        case (("sh" | "python"), ()):
            return "live"
        case "sh", ("parse",):
            return "parse"
        case (("json" | "yaml"), (name,)) if name in MODELS:
            return "data"
        case "json", ("cineai.json",):
            return "profile"
        case "python", ("fragment",):
            return "fragment"
        case "mermaid", ():
            return "diagram"
        case "", () if block.file == "README.md" and block.text.startswith("serve/"):
            return "tree"  # test_readme.py reads it
        case _:
            return "unknown"


def of(name: str) -> list[Block]:
    return [block for block in EVERY if kind(block) == name]


def test_every_block_is_checked_in_some_way() -> None:
    assert [str(block) for block in of("unknown")] == []


def test_what_covers_a_block_is_there() -> None:
    for file, function in COVERED.values():
        tree = ast.parse((ROOT / "tests" / file).read_text())
        assert function in {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}


def parsed() -> list[ParameterSet]:
    """Blocks whose programs read them; a program of Python modules loads torch with them."""
    loads_torch = pytest.mark.slow
    return [
        pytest.param(block, id=str(block), marks=[loads_torch] if "python -m" in block.text else [])
        for block in of("parse")
    ]


@pytest.mark.parametrize("block", parsed())
def test_its_programs_take_the_command_lines(block: Block) -> None:
    read = list(commands(block.text))
    assert read
    for words in read:
        assert missing_files(words) == []
        parse(words)


@pytest.mark.parametrize(
    "line",
    [
        "cineai characters add --name Ada ada.png",
        "cineai rendr Ada",
        "CINEAI_GENERATOR__STEPZ=3 cineai serve",
        "serve depoly serve_config.yaml",
        "python3 -m venv --upgade-deps .venv",
        "pip install -c no_such_file.txt -e .",
        "pytest tests/no_such_test.py",
        "make coffee",
        "kubectl apply",
    ],
)
def test_a_command_line_that_is_wrong_is_found(line: str) -> None:
    with pytest.raises((AssertionError, ValueError)):
        parse(line.split())


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_in_running_text_are_there(path: Path) -> None:
    named = [line.split() for line in inline_commands(path)]
    assert [" ".join(words) for words in named if unknown_words(words)] == []


@pytest.mark.parametrize("line", ["cineai rendr", "cineai lora import --charakter"])
def test_a_command_in_running_text_that_is_not_there_is_found(line: str) -> None:
    assert unknown_words(line.split())


@pytest.mark.parametrize("block", of("data"), ids=str)
def test_data_is_what_it_is_said_to_be(block: Block) -> None:
    read = json.loads if block.language == "json" else yaml.safe_load
    TypeAdapter(MODELS[block.marks[0]]).validate_python(read(block.text))


@pytest.mark.parametrize("block", of("profile"), ids=str)
def test_a_profile_can_be_read_beside_a_model(block: Block, tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text('{"_class_name": "StableDiffusionXLPipeline"}')
    (tmp_path / "cineai.json").write_text(block.text)
    found = read_profile(tmp_path)
    declared = json.loads(block.text)
    assert found.profile.model_dump(include=set(declared)) == declared


@pytest.mark.parametrize("block", of("fragment"), ids=str)
def test_a_fragment_is_python(block: Block) -> None:
    assert ast.parse(dedent(block.text)).body


@pytest.mark.parametrize("block", of("diagram"), ids=str)
def test_a_diagram_is_one_that_is_drawn(block: Block) -> None:
    first, *rest = block.text.splitlines()
    assert first.startswith(DIAGRAMS)
    assert rest


class Reader:
    """Someone who follows the documents, in a folder of their own, on a live service."""

    def __init__(self, url: str, home: Path, folder: Path) -> None:
        self._address = url.removeprefix("http://")
        self._folder = folder
        self._environment = {
            **os.environ,
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "CINEAI_URL": url,
            "CINEAI_STORE__HOME": str(home),
            "CURL_HOME": str(folder),
        }
        self._read = set[Path]()
        (folder / ".curlrc").write_text("fail-with-body\n")  # an answer of 422 is no success
        for name in ("cluster", "cluster.yaml", "serve_config.yaml"):
            (folder / name).symlink_to(ROOT / name)

    def read(self, path: Path) -> None:
        """Run a document's live blocks from top to bottom, once."""
        if path in self._read:
            return
        self._read.add(path)
        for block in blocks(path):
            if kind(block) == "live":
                self._run(block)

    def _run(self, block: Block) -> None:
        text = block.text.replace(WRITTEN_URL, self._address)
        shell = ["bash", "-euo", "pipefail", "-c"]
        line = [*(shell if block.language == "sh" else [sys.executable, "-c"]), text]
        done = subprocess.run(
            line,
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], None]]:
    missing = [name for name in ("bash", "curl", "jq") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"the documents use {', '.join(missing)}")
    home = tmp_path_factory.mktemp("home")
    with running(home) as service:
        yield Reader(service.url, home, tmp_path_factory.mktemp("reader")).read


LIVE = list(dict.fromkeys(ROOT / block.file for block in of("live")))


@pytest.mark.slow
@pytest.mark.parametrize("path", LIVE, ids=lambda path: path.name)
def test_a_document_runs_from_top_to_bottom(path: Path, reader: Callable[[Path], None]) -> None:
    reader(README)
    reader(path)
