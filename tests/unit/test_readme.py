"""The README tells the truth about the tree and its two commands."""

import re
import subprocess
from pathlib import Path

README = Path("README.md").read_text()
BLOCKS = re.findall(r"^```[a-z]*\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def tracked() -> set[str]:
    listing = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True)
    return set(listing.stdout.split())


def described() -> set[str]:
    """Paths of the README's tree block: two spaces of indent a level, a comment after the name."""
    tree = next(block for block in BLOCKS if block.startswith("serve/"))
    paths, folders = set(), list[str]()
    for line in tree.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        name = line.split()[0]
        folders[depth:] = [name]
        if not name.endswith("/"):
            paths.add("".join(folders))
    return paths


def test_the_first_two_blocks_are_one_command_each() -> None:
    demo, test = BLOCKS[0].strip(), BLOCKS[1].strip()
    assert "\n" not in demo
    assert demo.endswith("cineai demo")
    assert "\n" not in test
    assert test.endswith("pytest")


def test_every_python_file_is_in_the_tree_with_one_line() -> None:
    code = {
        path
        for path in tracked()
        if path.endswith(".py") and not path.endswith("__init__.py") and "/versions/" not in path
    }
    assert code - described() == set()


def test_nothing_in_the_tree_is_missing_on_disk() -> None:
    assert {path for path in described() if not Path(path).exists()} == set()
