"""Actor + shot -> picture, with an off-screen rasteriser (EGL) and numpy. No torch, no anny."""

import zlib
from pathlib import Path
from typing import Any

import cv2
import moderngl
import numpy as np
from numpy.typing import NDArray

from cluster.domain.vocabulary import INJURY_KINDS, MARK_KINDS, OUTFITS
from cluster.ports import Pixels
from training.studio.renderer import palette
from training.studio.renderer.actor import FEATURE_COUNT, Actor
from training.studio.renderer.geometry import HAIR, Piece, solid, vertex_normals
from training.studio.renderer.hair import hair, skull_radius
from training.studio.renderer.mesh import (
    Floats,
    HeadShape,
    Ints,
    Reals,
    corner_weights,
    floats,
    load_head,
)
from training.studio.renderer.places import paint_place, weather_over
from training.studio.renderer.posing import (
    PERSPECTIVE,
    Frame,
    Posing,
    Ties,
    camera_and_pose,
)
from training.studio.renderer.props import fist, hold, wear
from training.studio.renderer.shaders import LIGHTING, SCREEN, SOLID, STRANDS, VERTEX
from training.studio.renderer.shot import HELD_PROPS, OPEN_MOUTHS, Shot
from training.studio.renderer.wardrobe import dress

MARK_NUMBER = {kind: number for number, kind in enumerate((*MARK_KINDS, *INJURY_KINDS), start=1)}
OUTFIT_NUMBER = {outfit: number for number, outfit in enumerate(OUTFITS)}
"""What the shader calls marks and outfits."""

MARK_PLACE = {
    "left cheek": (0.047, -0.088),
    "right cheek": (-0.047, -0.088),
    "forehead": (0.006, 0.004),
    "chin": (0.0, -0.148),
    "nose": (0.0, -0.078),
}
"""Where the places of the face lie on the average head, (x, z) metres."""

BROWS = {
    "surprised": (0.006, 0.001),
    "sad": (0.002, 0.0045),
    "angry": (-0.003, -0.0042),
    "shouting": (-0.003, -0.002),
}
"""How far an expression lifts the brows, and their inner ends beyond that, metres."""


def shipped_head() -> Path:
    """The head that `mesh.extract` wrote for this project."""
    return Path(__file__).with_name("head.npz")


def actor_seed(actor: Actor) -> int:
    """A number of the actor's own: what is random about his hair stays the same in every shot."""
    return zlib.crc32(floats(actor.features).tobytes())


class Renderer:
    """One rasteriser: build it once a process. Deterministic: same values, same picture."""

    def __init__(self, size_px: int = 128, head_cache: Path | None = None) -> None:
        self.size = size_px
        self.head: HeadShape = load_head(head_cache or shipped_head())
        self._skin = self.head.part == 0
        self._tie_index = np.flatnonzero(self._skin)[::16]
        self._ties = Ties(self.head.rest[self._tie_index])
        self._hair: tuple[tuple[int, str, bool], list[Piece]] | None = None
        self._skull = skull_radius(self.head)
        self._shade = self._crease()
        wide = ("eye-scale-incr", "eye-height1-incr", "eye-height2-incr", "eye-height3-incr")
        self._open_eyes = floats([0.4 * (name in wide) for name in self.head.local_names])
        self._inside = (self.head.masks["inside-mouth"] > 0.6) & (self.head.masks["lips"] < 0.2)
        side = self._side = size_px * 3 // 2
        create: Any = moderngl.create_context
        self._gl: Any = create(standalone=True, backend="egl")
        self._programs = [
            self._gl.program(vertex_shader=VERTEX, fragment_shader=fragment)
            for fragment in (STRANDS, SOLID)
        ]
        grain = np.random.default_rng(0).random((32, 32, 32)).astype(np.float32)
        self._noise = self._gl.texture3d((32, 32, 32), 1, grain.tobytes(), dtype="f4")
        self._noise.use(0)
        self._target = self._gl.framebuffer([self._gl.texture((side, side), 4)])
        self._layers = [self._gl.texture((side, side), 4, dtype="f4") for _ in range(3)]
        self._geometry = self._gl.framebuffer(
            self._layers, self._gl.depth_renderbuffer((side, side))
        )
        self._vertices = self._gl.buffer(reserve=40_000 * 16 * 4, dynamic=True)
        self._indices = self._gl.buffer(reserve=80_000 * 3 * 4, dynamic=True)
        layout = (self._vertices, "3f 3f 3f 4f 3f", "p", "n", "q", "c", "e")
        self._arrays = [
            self._gl.vertex_array(program, [layout], self._indices) for program in self._programs
        ]
        self._lighting = self._gl.program(vertex_shader=SCREEN, fragment_shader=LIGHTING)
        corners = self._gl.buffer(floats([[-1, -1], [3, -1], [-1, 3]]).tobytes())
        self._screen = self._gl.vertex_array(self._lighting, [(corners, "2f", "p")])
        self._programs.append(self._lighting)
        self._depth_test = moderngl.DEPTH_TEST

    def _crease(self) -> Floats:
        """Soft darkening of the average head's hollows, (N,) in [0.5, 1]."""
        head = self.head
        normal = vertex_normals(head.rest, head.faces)
        total, count = np.zeros_like(head.rest), np.zeros(len(head.rest))
        edges = np.concatenate(
            [head.faces[:, [0, 1]], head.faces[:, [1, 2]], head.faces[:, [2, 0]]]
        )
        edges = np.concatenate([edges, edges[:, ::-1]])
        np.add.at(total, edges[:, 0], head.rest[edges[:, 1]])
        np.add.at(count, edges[:, 0], 1)
        depth = ((total / np.maximum(count, 1)[:, None] - head.rest) * normal).sum(1)
        hollow = depth.clip(0, None)
        for _ in range(3):
            pooled = np.zeros(len(hollow))
            np.add.at(pooled, edges[:, 0], hollow[edges[:, 1]])
            hollow = 0.5 * hollow + 0.5 * pooled / np.maximum(count, 1)
        crease: Floats = np.clip(1 - 420 * hollow, 0.5, 1).astype(np.float32)
        return crease

    def shape(self, actor: Actor) -> Floats:
        """The actor's neutral head and shoulders, (N, 3) metres."""
        coefficients = np.zeros(len(self.head.locals), np.float32)
        used = min(len(coefficients), FEATURE_COUNT)
        coefficients[:used] = actor.features[:used]
        coefficients += self._open_eyes
        return self.head.shape(corner_weights(actor), coefficients)

    def _head_piece(self, shot: Shot, neutral: Floats) -> tuple[Piece, Floats]:
        """The body as one piece, and (N, 3) material, lips and mouth-inside of its vertices."""
        head = self.head
        points = neutral + head.expression(shot.expression)
        if shot.action == "talking" and shot.expression not in OPEN_MOUTHS:
            points = points + 0.55 * head.expression("shouting")
        loose = {"armour": 0.004, "cloak": 0.004, "hoodie": 0.014, "robe": 0.012}
        normal = vertex_normals(head.rest, head.faces)
        covered = self._skin & (head.rest[:, 2] < -0.215)
        points[covered] += normal[covered] * loose.get(shot.outfit, 0.008)
        piece = solid(points, head.faces, (1, 1, 1))
        extra = np.stack([head.part, head.masks["lips"], self._inside], -1).astype(np.float32)
        return piece, extra

    def _pieces(
        self, actor: Actor, shot: Shot, frame: Frame, rng: np.random.Generator
    ) -> list[Piece]:
        """Hair, outfit parts, props and hands."""
        skin, cloth = palette.SKIN[actor.skin], palette.OUTFIT[shot.outfit_colour]
        others = [
            c for name, c in palette.OUTFIT.items() if name not in (shot.outfit_colour, "dark")
        ]
        loud = others[int(rng.integers(len(others)))]
        pieces = list(self._hair_of(actor, shot.prop == "hat"))
        pieces += dress(shot.outfit, cloth)
        side = 1.0 if rng.random() < 0.5 else -1.0
        if shot.prop in HELD_PROPS:
            pieces += hold(shot.prop, side, frame, skin, loud)
        elif shot.prop is not None:
            pieces += wear(shot.prop, loud)
        if shot.action == "fighting":
            low = frame.bottom + 0.035
            pieces += fist(skin, (-side * (frame.width / 2 - 0.075), -0.2, low - 0.015))
            if shot.prop not in HELD_PROPS:
                pieces += fist(skin, (side * (frame.width / 2 - 0.055), -0.17, low + 0.02))
        return pieces

    def _hair_of(self, actor: Actor, hat: bool) -> list[Piece]:
        """The actor's hair, outermost layer first, made again only when the actor changes."""
        key = (actor_seed(actor), actor.hair_style, hat)
        if self._hair is None or self._hair[0] != key:
            rng = np.random.default_rng(key[0])
            self._hair = (key, hair(self._skull, actor.hair_style, rng, hat)[::-1])
        return self._hair[1]

    def _upload(
        self, actor: Actor, shot: Shot, frame: Frame, posing: Posing, rng: np.random.Generator
    ) -> tuple[int, int]:
        """Fill the buffers, body first; returns how many indices are hair's, and all others."""
        neutral = self.shape(actor)
        body, extra = self._head_piece(shot, neutral)
        points = [posing.apply(body.points, self.head.rest[:, 2])]
        rest, faces = [self.head.rest], [body.faces]
        tint = [np.concatenate([body.colour, self._shade[:, None]], 1)]
        more, offset = [extra], len(body.points)
        shift = (neutral - self.head.rest)[self._tie_index]
        strands: list[Ints] = []
        for piece in self._pieces(actor, shot, frame, rng):
            placed = piece.points
            if piece.anchored:
                placed = posing.apply(self._ties.carry(placed, shift), piece.points[:, 2])
            points.append(placed)
            rest.append(piece.points)
            (strands if piece.material == HAIR else faces).append(piece.faces + offset)
            tint.append(np.concatenate([piece.colour, piece.shade[:, None]], 1))
            kind = np.full((len(placed), 1), piece.material, np.float32)
            more.append(np.concatenate([kind, piece.uv], 1))
            offset += len(placed)
        index = np.concatenate(strands + faces).astype(np.int32)
        where = np.concatenate(points)
        normal = vertex_normals(where, index)
        packed = np.concatenate(
            [where, normal, np.concatenate(rest), np.concatenate(tint), np.concatenate(more)], 1
        )
        self._vertices.write(packed.astype(np.float32).tobytes())
        self._indices.write(index.tobytes())
        hairy = 3 * sum(len(triangles) for triangles in strands)
        return hairy, int(index.size) - hairy

    def _set(self, **values: NDArray[np.generic] | np.generic) -> None:
        """Set uniforms; one that the compiler optimised away is skipped."""
        for program in self._programs:
            for name, value in values.items():
                uniform: Any = program.get(name, None)
                if uniform is not None:
                    uniform.write(np.asarray(value).tobytes())

    def _light(self, actor: Actor, shot: Shot, frame: Frame, rng: np.random.Generator) -> None:
        """Uniforms of light, skin, eyes and marks."""
        light = palette.LIGHT[shot.place]
        dull = 0.86 if shot.weather in ("rain", "fog") or shot.action == "hiding" else 1.0
        towards = np.array([rng.normal() * 0.3, -1.0, 0.45 + 0.2 * rng.normal()])
        marks = np.zeros((6, 4), np.float32)
        for index, mark in enumerate((*actor.marks, *shot.injuries)[:6]):
            marks[index] = (MARK_NUMBER[mark.kind], *MARK_PLACE[mark.place], index + 1.0)
        lift, tilt = BROWS.get(shot.expression, (0.0, 0.0))
        own = np.random.default_rng(actor_seed(actor) + 1)
        brows = own.uniform(0.0028, 0.0064) * (0.85 if actor.gender > 0.5 else 1.1)
        painted = {"bald": 0.0, "buzzed": 0.86, "mohawk": 0.45}.get(actor.hair_style, 1.0)
        yaw, pitch = np.radians(shot.yaw), np.radians(shot.pitch)
        gaze = (
            -0.35 * yaw + 0.04 * rng.normal(),
            0.3 * pitch + 0.03 * rng.normal(),
            float(actor.left_cyber),
            float(actor.right_cyber),
        )
        accent = palette.OUTFIT["red" if shot.outfit_colour not in ("red", "orange") else "blue"]
        if shot.outfit == "robe":
            accent = palette.OUTFIT["yellow" if shot.outfit_colour != "yellow" else "purple"]
        rouge = own.uniform(0.3, 0.95) if actor.gender > 0.5 else own.uniform(0.0, 0.15)
        height = own.normal() * 0.003
        self._set(
            L=floats(towards / np.linalg.norm(towards)),
            LC=(0.62 * floats(light.key) + 0.27) * floats(dull),
            SKY=floats(light.sky) * floats(dull * 1.15),
            GND=floats(light.ground),
            RIM=floats(light.rim),
            HAIR=floats(palette.HAIR[actor.hair_colour]),
            SKIN=floats(palette.SKIN[actor.skin]),
            CLOTH=floats(palette.OUTFIT[shot.outfit_colour]),
            ACCENT=floats(accent),
            EYEL=floats(palette.EYE[actor.left_eye]),
            EYER=floats(palette.EYE[actor.right_eye]),
            marks=marks,
            face=floats([lift + height, brows, float(actor.beard), rouge]),
            gaze=floats(gaze),
            scalp=floats([painted, 0.0, tilt, 0.045 if shot.prop == "hat" else -9.0]),
            frame=floats([frame.x, frame.z, 2 / frame.width, PERSPECTIVE]),
            outfit=np.int32(OUTFIT_NUMBER[shot.outfit]),
        )

    def _eye_glow(self, picture: Reals, actor: Actor, posing: Posing, frame: Frame) -> None:
        """Add the halo of a cyber eye where it faces us, in place."""
        neutral = self.shape(actor)
        for part, on, word in (
            (1, actor.left_cyber, actor.left_eye),
            (2, actor.right_cyber, actor.right_eye),
        ):
            if not on:
                continue
            eye = neutral[self.head.part == part].mean(0) + floats([0, -0.016, 0])
            at = posing.apply(eye[None], np.zeros(1, np.float32))[0]
            depth = 1 + (at[1] + 0.1) * PERSPECTIVE
            x = ((at[0] - frame.x) * 2 / frame.width / depth + 1) / 2 * self._side
            y = (1 - (at[2] - frame.z) * 2 / frame.width / depth) / 2 * self._side
            grid = np.arange(self._side, dtype=np.float32)
            spread = 0.011 / frame.width * self._side
            fall = np.exp(-((grid[None] - x) ** 2 + (grid[:, None] - y) ** 2) / (2 * spread**2))
            picture += fall[..., None] * floats(palette.EYE[word]) * 105

    def render(self, actor: Actor, shot: Shot) -> Pixels:
        """The picture, (size_px, size_px, 3) uint8 RGB."""
        rng = np.random.default_rng(shot.seed)
        frame, posing = camera_and_pose(shot, rng)
        with self._gl:  # another renderer of this process may have been used meanwhile
            hairy, rest = self._upload(actor, shot, frame, posing, rng)
            self._light(actor, shot, frame, rng)
            raw = np.frombuffer(self._rasterise(hairy, rest), np.uint8)
        drawn = raw.reshape(self._side, self._side, 4)[::-1]
        behind = paint_place(shot.place, shot.weather, self._side, rng)
        if shot.action == "running":
            behind = cv2.blur(behind, (self._side // 6, 1))
        alpha = drawn[..., 3:].astype(np.float32) / 255
        picture: Reals = drawn[..., :3] + behind * (1 - alpha)
        self._eye_glow(picture, actor, posing, frame)
        if shot.action == "hiding":
            picture = self._cover(picture, rng)
        small = cv2.resize(
            picture.clip(0, 255).astype(np.uint8),
            (self.size, self.size),
            interpolation=cv2.INTER_AREA,
        )
        return weather_over(small, shot.weather, rng)

    def _rasterise(self, hairy: int, rest: int) -> bytes:
        """Draw what `_upload` left in the buffers: RGBA bytes, bottom row first."""
        self._geometry.use()
        self._gl.enable(self._depth_test)
        self._geometry.clear(0, 0, 0, 0)
        if hairy:
            self._arrays[0].render(vertices=hairy)
        self._arrays[1].render(vertices=rest, first=hairy)
        self._gl.disable(self._depth_test)
        self._target.use()
        for place, layer in enumerate(self._layers):
            layer.use(place + 1)
        self._set(NOISE=np.int32(0), G0=np.int32(1), G1=np.int32(2), G2=np.int32(3))
        self._screen.render(vertices=3)
        pixels: bytes = self._target.read(components=4)
        return pixels

    def _cover(self, picture: Reals, rng: np.random.Generator) -> Reals:
        """A dark edge in the foreground at one side, behind which the actor hides."""
        x = np.arange(self._side, dtype=np.float32) / self._side
        edge = rng.uniform(0.14, 0.22) + 0.012 * np.sin(x * 23 + rng.uniform(0, 6))[:, None]
        side = x[None] if rng.random() < 0.5 else 1 - x[None]
        shade = np.clip((edge - side) / 0.02 + 0.5, 0, 1)[..., None]
        grain = rng.normal(0, 4, (self._side, self._side, 1)).astype(np.float32)
        covered: Reals = picture * (1 - shade) * 0.94 + shade * (floats([34, 32, 36]) + grain)
        return covered
