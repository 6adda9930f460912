"""mypy follows a value over the seams: a wrong call is found before anything runs."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

CALLS = """
from cluster.domain.character import Character, CharacterId
from cluster.domain.prompting.plan import Plan
from cluster.domain.story.scene import SceneRequest, SceneState, StoryId
from cluster.domain.story.state import StoryState
from cluster.domain.story.world import WorldState
from cluster.handles import Deployments
from cluster.ports import Pixels
from cluster.settings import Settings
from serve.api.services import Services
from serve.replicas.analyzer import Analyzer
from serve.replicas.refiner import Refiner
from serve.replicas.validator import Validator


async def route(services: Services, who: CharacterId, story: StoryId) -> None:
    actors = services.actors
    await actors.memory.recall(character_id=who, story_id=story)
    await actors.memory.recall(character_id=story, story_id=who)  # wrong: two strings swapped
    await actors.memory.recall(who, story)  # wrong: not named
    await actors.registry.promote(character_id=who, version=1, force=True)
    await actors.registry.promote(character_id=who)  # wrong: the version is missing
    await actors.registry.promote(character_id=who, version="1")  # wrong: a string
    await actors.learner.pause(character_id=who, paused=True)
    await actors.learner.pause(character_id=who, pause=True)  # wrong: no such name
    await actors.learner.stop(character_id=who)  # wrong: no such method
    actors.learner.status(character_id=who).pending  # wrong: never awaited


async def step(
    parts: Deployments,
    pixels: Pixels,
    who: Character,
    request: SceneRequest,
    world: WorldState,
    told: StoryState,
) -> SceneState:
    plan = Plan(prompt="", negative_prompt="", identity_prompt="", scene=SceneState())
    report = await parts.validator.validate(pixels=pixels, character=who)
    await parts.validator.validate(pixels=pixels, character=who.id)  # wrong: an id
    await parts.refiner.repair(
        pixels=pixels, report=report, character=who, plan=plan, adapter=None, seed=1, attempt=1
    )
    planned: SceneState = await parts.prompt_engine.plan(  # wrong: it gives a plan
        character=who,
        request=request,
        world=world,
        story=told,
        trigger=None,
        memories=(),
        token_budget=77,
    )
    await parts.prompt_engine.plan(
        character=who,
        request=request,
        world=told,  # wrong: it is the other state
        story=world,  # wrong: likewise
        trigger=None,
        memories=(),
        token_budget=77,
    )
    return await parts.analyzer.analyze(pixels=pixels, planned=planned, domain=who.domain)


def wiring(settings: Settings, parts: Deployments) -> None:
    validator = Validator(settings)
    Refiner(settings, generator=parts.generator, validator=validator)
    Refiner(settings, generator=validator, validator=parts.generator)  # wrong: swapped
    Refiner(settings, generator=parts.generator, validator=Analyzer(settings))  # wrong: a reader
"""


def test_mypy_finds_every_wrong_call_over_a_seam_and_no_right_one(tmp_path: Path) -> None:
    snippet = tmp_path / "calls.py"
    snippet.write_text(CALLS)
    # The cache is that of everybody's own `mypy`: with it this takes seconds.
    command = [sys.executable, "-m", "mypy", "--no-error-summary", str(snippet)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    reported = {int(line) for line in re.findall(r"calls\.py:(\d+): error", found.stdout)}
    lines = CALLS.splitlines()
    wrong = {number for number, line in enumerate(lines, 1) if "# wrong" in line}

    assert {lines[one - 1] for one in wrong ^ reported} == set(), found.stdout + found.stderr
