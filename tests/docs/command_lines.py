"""Parses a command line by the parser of the program that it starts, and runs nothing."""

import argparse
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
import typer.core
import typer.main

from cluster.settings import Settings
from tests.docs.markdown import ROOT

SEPARATORS = {"&&", "||", "|", ";", "&"}
ASSIGNMENT = re.compile(r"[A-Z][A-Z0-9_]*=")
READ_BY_PIP = """
import sys
from pip._internal.commands import create_command
options, _ = create_command(sys.argv[1]).parse_args(sys.argv[2:])
print(*getattr(options, "constraints", []), sep="\\n")
"""


class Parsed(BaseException):
    """A program has read its command line and is about to act. No `except Exception` stops it."""


def commands(text: str) -> Iterator[list[str]]:
    """The simple commands of a shell text, each as its words."""
    for line in text.replace("\\\n", " ").splitlines():
        words: list[str] = []
        for word in [*shlex.split(line, comments=True), ";"]:
            if word not in SEPARATORS:
                words.append(word)
            elif words:
                yield words
                words = []


def parse(words: list[str]) -> None:
    """Have a command's own parser read it.

    Raises:
        AssertionError: There is no such program here, or the parser refuses the command line.
    """
    variables, program, arguments = _split(words)
    with pytest.MonkeyPatch.context() as patch:
        for variable in variables:
            patch.setenv(*variable.split("=", 1))
        if any(variable.startswith("CINEAI_") for variable in variables):
            Settings()
        if program in PROGRAMS:
            PROGRAMS[program](arguments)
        else:
            raise AssertionError(f"no parser for {program!r}")


def _split(words: list[str]) -> tuple[list[str], str, list[str]]:
    """Assignments, the program, and its arguments."""
    variables = [word for word in words if ASSIGNMENT.match(word)]
    program, *arguments = words[len(variables) :]
    return variables, program.removeprefix(".venv/bin/"), arguments


@contextmanager
def _until_parsed() -> Iterator[None]:
    """The block's program stops as soon as its command line is read; an assertion says if not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(click.Command, "invoke", _stop_at_leaf(click.Command, click.Group))
        # Typer has a copy of click of its own.
        leaf = typer.core.TyperCommand
        patch.setattr(leaf, "invoke", _stop_at_leaf(leaf, typer.core.TyperGroup))
        patch.setattr(argparse.ArgumentParser, "parse_args", _read_and_stop)
        try:
            yield
        except Parsed:
            return
        except SystemExit as refused:
            raise AssertionError(f"refused with status {refused.code}") from refused
    raise AssertionError("ended before it had read its command line")


def _stop_at_leaf(command: type, group: type) -> Callable[[Any, Any], Any]:
    """In the place of `command.invoke`: a group still reads its subcommand."""
    invoke: Callable[[Any, Any], Any] = command.invoke  # type: ignore[attr-defined]

    def stop(self: object, context: object) -> object:
        if isinstance(self, group):
            return invoke(self, context)
        raise Parsed

    return stop


def _read_and_stop(self: argparse.ArgumentParser, args: Sequence[str] | None = None) -> None:
    _, unknown = self.parse_known_args(args)
    assert not unknown, f"unrecognised: {unknown}"
    raise Parsed


def unknown_words(words: list[str]) -> list[str]:
    """Of a `cineai` command in running text: subcommands and options that there are not.

    What stands for something (`ID`, `FILE`) is passed over, and so are arguments.
    """
    command: Any = typer.main.get_command(import_module("serve.cli").app)
    unknown = []
    for word in words[1:]:
        if word.startswith("--"):
            known = {name for param in command.params for name in param.opts} | {"--help"}
            unknown += [word] if word.partition("=")[0] not in known else []
        elif isinstance(command, typer.core.TyperGroup):
            if word not in command.commands:
                return [*unknown, word]
            command = command.commands[word]
    return unknown


def _python(arguments: list[str]) -> None:
    flag, module, *rest = arguments
    assert flag == "-m"
    with _until_parsed(), pytest.MonkeyPatch.context() as patch:
        for imported in (module, f"{module}.__main__"):  # runpy warns of what a test has imported
            patch.delitem(sys.modules, imported, raising=False)
        patch.setattr(sys, "argv", [module, *rest])
        runpy.run_module(module, run_name="__main__")


def _by(module: str, name: str) -> Callable[[list[str]], None]:
    """The parser of a program whose entry point is `module.name`."""

    def parse_with(arguments: list[str]) -> None:
        with _until_parsed():
            getattr(import_module(module), name)(arguments)

    return parse_with


def _pip(arguments: list[str]) -> None:
    """By pip's own parser, in a process of its own: setuptools minds that pip is imported late."""
    reading = [sys.executable, "-c", READ_BY_PIP, *arguments]
    read = subprocess.run(reading, capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr
    for file in read.stdout.splitlines():
        assert (ROOT / file).is_file(), file


def _pytest(arguments: list[str]) -> None:
    paths = [word.partition("::")[0] for word in arguments if not word.startswith("-")]
    assert all((ROOT / path).exists() for path in paths), paths


def _make(arguments: list[str]) -> None:
    (verb,) = arguments
    assert f"\n{verb}:" in (ROOT / "Makefile").read_text(), verb


def _file(arguments: list[str]) -> None:
    assert not arguments


PROGRAMS: dict[str, Callable[[list[str]], None]] = {
    "cineai": _by("serve.cli", "app"),
    "ray": _by("ray.scripts.scripts", "cli"),
    "serve": _by("ray.serve.scripts", "cli"),
    "python": _python,
    "python3": _python,
    "pip": _pip,
    "pytest": _pytest,
    "make": _make,
    ".ci/run": _file,
}
"""Program -> what reads its arguments."""


def missing_files(words: list[str]) -> list[str]:
    """Files of the project that a command line names and that are not there."""
    named = (word for word in words if word.endswith((".yaml", ".txt", ".toml")))
    return [name for name in named if not Path(ROOT, name).exists()]
