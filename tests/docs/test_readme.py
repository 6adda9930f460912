"""The README is short, begins with its two commands, and tells the truth about the folders."""

import subprocess
from pathlib import PurePosixPath

from tests.docs.markdown import ROOT, blocks, tracked

README = ROOT / "README.md"
TREE_DEPTH = 2


def described() -> set[str]:
    """Folders of the README's tree: two spaces of indent a level, a comment after the name."""
    tree = next(block.text for block in blocks(README) if block.text.startswith("serve/"))
    paths, above = set[str](), list[str]()
    for line in tree.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        above[depth:] = [line.split()[0]]
        paths.add("".join(above).rstrip("/"))
    return paths


def folders_of_code() -> set[str]:
    """Folders that hold Python at any depth, down to the depth that the README shows."""
    parts = (PurePosixPath(name).parts[:-1] for name in tracked("*.py"))
    return {
        "/".join(one[:depth]) for one in parts for depth in range(1, min(len(one), TREE_DEPTH) + 1)
    }


def test_it_is_read_in_five_minutes() -> None:
    assert len(README.read_text().splitlines()) <= 150


def test_the_first_two_blocks_are_one_command_each() -> None:
    demo, tests = blocks(README)[:2]
    assert demo.language == tests.language == "sh"
    for block, end in ((demo, "cineai demo\n"), (tests, "pytest -n 2\n")):
        assert block.text.count("\n") == 1
        assert block.text.startswith("python3 -m venv --upgrade-deps .venv && ")
        assert block.text.endswith(end)


def test_ci_runs_the_second_command() -> None:
    extract = next(
        line for line in (ROOT / ".ci" / "run").read_text().splitlines() if "awk" in line
    )
    command = extract.partition("$(")[2].rpartition(")")[0]
    read = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert read.stdout == blocks(README)[1].text


def test_every_folder_of_code_is_in_the_tree() -> None:
    assert folders_of_code() - described() == set()


def test_every_folder_in_the_tree_is_there() -> None:
    assert {path for path in described() if not (ROOT / path).is_dir()} == set()
