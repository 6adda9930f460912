"""An image model that renders actors: what each adapter has learned is known by construction.

Prompts are read like the base model reads them; every version of an adapter is an actor, or a
way to spoil the picture. Needs EGL, as the studio's renderer does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cluster.domain.learning.adapter import AdapterVersion
from cluster.domain.reading.request import read
from cluster.domain.render import Capabilities, Inpainting, Rendering, RenderOrder
from cluster.ports import Pixels
from training.studio.renderer.actor import Actor
from training.studio.renderer.render import Renderer
from training.studio.renderer.shot import POSE_DEGREES, WIDTHS, Shot

SIDE_PX = 192


@dataclass(frozen=True)
class Role:
    """Which actor is shown, how much of another one's bones shows through, and what is spoiled.

    `deaf` roles show the same few shots whatever the prompt says.
    """

    actor: Actor
    noise: float = 0.0
    deaf: tuple[Pixels, ...] = ()


class ActorModel:
    """Shows the role of the order's adapter version; 0 is the base model's."""

    capabilities = Capabilities(
        model="actor-model",
        lora=True,
        references=False,
        inpaint=False,
        width_px=SIDE_PX,
        height_px=SIDE_PX,
        token_budget=77,
    )

    def __init__(self, roles: Mapping[int, Role]) -> None:
        self._roles = roles
        self._renderer = Renderer(SIDE_PX)

    def stage(self, adapter: AdapterVersion) -> None:
        """Every role is known from the start."""

    def render(self, order: RenderOrder) -> Rendering:
        role = self._roles[order.adapter.version if order.adapter else 0]
        if role.deaf:
            pixels = role.deaf[order.seed % len(role.deaf)]
        else:
            pixels = self.picture(role.actor, shot_of(order.prompt, order.seed))
        rng = np.random.default_rng(order.seed)
        spoiled = pixels + rng.normal(0, 255 * role.noise, pixels.shape)
        shown = np.clip(spoiled, 0, 255).astype(np.uint8)
        return Rendering(pixels=shown, model="actor-model", seed=order.seed)

    def render_batch(self, orders: Sequence[RenderOrder]) -> list[Rendering]:
        return [self.render(order) for order in orders]

    def inpaint(self, pixels: Pixels, mask: Pixels, order: Inpainting) -> Pixels:
        raise NotImplementedError(order.prompt, mask.shape)

    def picture(self, actor: Actor, shot: Shot) -> Pixels:
        """uint8 RGB (192, 192, 3)."""
        return np.asarray(self._renderer.render(actor, shot), np.uint8)


def blend(actor: Actor, other: Actor, share: float) -> Actor:
    """An actor with a share of another one's bones."""
    mixed = (1 - share) * np.array(actor.features) + share * np.array(other.features)
    return replace(actor, features=tuple(float(one) for one in mixed))


def shot_of(prompt: str, seed: int) -> Shot:
    """The shot that a prompt asks for."""
    asked = read(prompt)
    rng = np.random.default_rng(seed)
    pose = asked.pose or "facing the camera"
    framing = asked.framing or "portrait"
    yaw, pitch = POSE_DEGREES[pose]
    return Shot(
        framing=framing,
        expression=asked.expression or "neutral",
        action=asked.action or "standing",
        head_pose=pose,
        yaw=0.8 * yaw + float(rng.normal()),
        pitch=pitch,
        roll=float(rng.normal()),
        width=float(rng.uniform(*WIDTHS[framing])),
        outfit=asked.outfit.garment if asked.outfit else "shirt",
        outfit_colour=(asked.outfit.colour if asked.outfit else None) or "grey",
        prop=None,
        injuries=(),
        place=asked.place or "studio",
        weather=asked.weather or "clear",
        seed=seed,
    )
