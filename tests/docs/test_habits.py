"""The verbs, the hooks and the workflow: what they say, they do."""

import re
import subprocess

import pytest
import yaml

from tests.docs.markdown import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
VERBS = re.findall(r"^([a-z]+):.*## ", MAKEFILE, re.MULTILINE)
PHONY = re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)[0].split()
GATES = re.findall(r"^\.venv/bin/(.+)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)


def recipe(verb: str) -> str:
    """The commands that a verb would run."""
    line = ["make", "--no-print-directory", "--dry-run", "--always-make", verb]
    told = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    return told.stdout


def test_make_alone_lists_every_verb() -> None:
    line = ["make", "--no-print-directory"]
    told = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    assert [one.split("\t")[0] for one in told.stdout.splitlines()] == VERBS
    assert set(VERBS) == set(PHONY)


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_one_line(verb: str) -> None:
    assert recipe(verb).count("\n") == 1


def test_check_runs_the_gates_of_ci() -> None:
    assert GATES
    assert [one.strip() for one in recipe("check").split("&&")] == [
        f".venv/bin/{gate}" for gate in GATES
    ]


def test_the_hooks_are_local_and_run_the_gates_of_ci() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [one["repo"] for one in config["repos"]] == ["local"]
    hooks = [hook["entry"] for repo in config["repos"] for hook in repo["hooks"]]
    gates = [re.sub(r" --check| \.$", "", gate) for gate in GATES]
    assert hooks == [f".venv/bin/{gate.removesuffix(' .')}" for gate in gates]


def test_the_workflow_runs_what_a_contributor_runs() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    assert set(workflow[True]) >= {"push", "pull_request"}  # YAML 1.1 reads `on` as true
    steps = workflow["jobs"]["ci"]["steps"]
    assert steps[-1]["run"] == ".ci/run"
    python = next(one["with"]["python-version"] for one in steps if "python" in one.get("uses", ""))
    assert python == "3.11"
