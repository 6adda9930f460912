"""A Director in a process of its own, without Ray: what the crash tests kill.

`python scene_worker.py <home>` runs the queue with the plain classes of every part behind handles
that call them in this process. Everything is real but the image model: `Photographer` shows the
person of the reference picture: blurred for `POOR_SEED`, so that a job takes every step there is,
and nobody for `EMPTY_SEED` and the seed that a job falls back on after it.
"""

import asyncio
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from actors.learner import Learner
from actors.memory import MemoryStore
from actors.registry import LoraRegistry
from cluster.domain.character import CharacterId
from cluster.domain.render import Capabilities, Inpainting, Rendering, RenderOrder
from cluster.domain.scene import SceneRequest, StoryId
from cluster.ports import Pixels
from cluster.settings import JobSettings, Settings, StoreSettings
from cluster.store import Store
from serve.analyzer import Analyzer
from serve.director import Actors, Director
from serve.pictures import from_png
from serve.prompt_engine import PromptEngine
from serve.refiner import Refiner
from serve.steps import seed_of
from serve.validator import Validator

POOR_SEED = 7
EMPTY_SEED = 9
BLUR_PX = 9


class Photographer:
    """Takes the place of the Generator: a picture of whoever the reference shows."""

    def __init__(self, settings: Settings) -> None:
        self._blobs = Store.open(settings.store).blobs
        empty = SceneRequest(
            character_id=CharacterId("any"), prompt="any", story_id=StoryId("any"), seed=EMPTY_SEED
        )
        self._empty = {seed_of("any", empty, take) for take in (1, 2)}

    async def capabilities(self) -> Capabilities:
        return Capabilities(
            model="photographer", lora=True, references=True, inpaint=True, video=False, seed=True,
            width_px=256, height_px=256, token_budget=77,
        )  # fmt: skip

    async def render(self, order: RenderOrder) -> Rendering:
        person = Image.fromarray(from_png(self._blobs.get(order.references[0])))
        if order.seed == POOR_SEED:
            person = person.filter(ImageFilter.GaussianBlur(BLUR_PX))
        if order.seed in self._empty:
            person = Image.new("RGB", person.size, "grey")
        lights = np.random.default_rng(order.seed).integers(-6, 7, (1, 1, 3))
        pixels = np.clip(np.asarray(person, dtype=np.int16) + lights, 0, 255).astype(np.uint8)
        return Rendering(pixels=pixels, model="photographer", seed=order.seed)

    async def inpaint(self, pixels: Pixels, mask: Pixels, order: Inpainting) -> Pixels:
        """A repair that changes nothing: the picture must be taken again."""
        return pixels


class Here:
    """A handle of a part in this process: `handle.method.remote(...)` is something to await."""

    def __init__(self, part: object) -> None:
        self._part = part

    def __getattr__(self, name: str) -> "HereMethod":
        return HereMethod(getattr(self._part, name))


class HereMethod:
    def __init__(self, method: Callable[..., Any]) -> None:
        self._method = method

    async def remote(self, *args: object) -> Any:  # noqa: ANN401
        if inspect.iscoroutinefunction(self._method):
            return await self._method(*args)
        return await asyncio.to_thread(self._method, *args)


def settings_of(home: Path) -> Settings:
    return Settings(
        store=StoreSettings(home=home),
        jobs=JobSettings(poll_interval_s=0.05, sweep_interval_s=1.0),
    )


def main() -> None:
    settings = settings_of(Path(sys.argv[1]))
    photographer = Here(Photographer(settings))
    validator = Here(Validator(settings))
    Director(
        settings,
        Here(PromptEngine(settings)),  # type: ignore[arg-type]
        photographer,  # type: ignore[arg-type]
        validator,  # type: ignore[arg-type]
        Here(Refiner(settings, photographer, validator)),  # type: ignore[arg-type]
        Here(Analyzer(settings)),  # type: ignore[arg-type]
        actors=Actors(
            Here(MemoryStore(settings)), Here(LoraRegistry(settings)), Here(Learner(settings))
        ),
        executor_id="director-0",
    )
    print("ready", flush=True)  # noqa: T201 - what the test waits for
    sys.stdin.read()


if __name__ == "__main__":
    main()
