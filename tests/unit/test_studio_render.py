"""The actor renderer: deterministic, faithful to the words it is given. Needs EGL."""

from ctypes.util import find_library
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cluster.domain.vocabulary import HAIR_STYLES, OUTFITS, PLACES, PROPS, WEATHERS
from cluster.ports import Pixels
from training.studio.base.renders import details
from training.studio.cast.kairo import KAIRO, reference_shots
from training.studio.renderer.actor import SkinMark, random_actor
from training.studio.renderer.mesh import CORNERS, corner_weights
from training.studio.renderer.render import Renderer
from training.studio.renderer.shot import Shot, random_shot
from training.studio.report.recognition import Crowd, separation, survival

PLAIN = reference_shots()[0]


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    if find_library("EGL") is None:
        pytest.skip("no EGL library (libegl1) to render off screen with")
    return Renderer(64)


def told(shot: Shot, field: str, word: str) -> Shot:
    changes: dict[str, Any] = {field: word}
    return replace(shot, **changes)


def difference(one: Pixels, other: Pixels) -> float:
    return float(np.abs(one.astype(float) - other).mean())


def test_the_same_actor_and_shot_give_the_same_pixels(renderer: Renderer) -> None:
    rng = np.random.default_rng(3)
    actor, shot = random_actor(rng), random_shot(rng)
    first = renderer.render(actor, shot)
    renderer.render(random_actor(rng), random_shot(rng))
    assert np.array_equal(first, renderer.render(actor, shot))
    assert first.shape == (64, 64, 3)
    assert first.dtype == np.uint8


@pytest.mark.parametrize(
    ("field", "words"),
    [("place", PLACES), ("weather", WEATHERS), ("outfit", OUTFITS), ("prop", PROPS)],
)
def test_every_word_of_a_shot_changes_the_picture(
    renderer: Renderer, field: str, words: tuple[str, ...]
) -> None:
    base = replace(PLAIN, framing="portrait", width=0.36)
    made = [renderer.render(KAIRO, told(base, field, word)) for word in words]
    for index, one in enumerate(made):
        assert all(difference(one, other) > 0.2 for other in made[:index]), words[index]


def test_every_hair_style_changes_the_picture(renderer: Renderer) -> None:
    made = [renderer.render(replace(KAIRO, hair_style=style), PLAIN) for style in HAIR_STYLES]
    for index, one in enumerate(made):
        assert all(difference(one, other) > 0.2 for other in made[:index]), HAIR_STYLES[index]


def centre_of_change(renderer: Renderer, mark: SkinMark) -> float:
    """Where a mark on Kairo's clean face shows, as a fraction of the picture's width."""
    clean = replace(KAIRO, marks=())
    changed = np.abs(
        renderer.render(replace(clean, marks=(mark,)), PLAIN).astype(float)
        - renderer.render(clean, PLAIN)
    ).sum(axis=(0, 2))
    return float((changed * np.arange(64)).sum() / changed.sum() / 64)


def test_the_actors_left_is_the_pictures_right(renderer: Renderer) -> None:
    assert centre_of_change(renderer, SkinMark("scar", "left cheek")) > 0.55
    assert centre_of_change(renderer, SkinMark("scar", "right cheek")) < 0.45


def test_the_detail_maps_show_where_marks_and_props_are_and_nothing_else(
    renderer: Renderer,
) -> None:
    scarred = details(renderer, KAIRO, PLAIN, renderer.render(KAIRO, PLAIN))
    assert scarred.shape == (16, 16, 2)
    on_skin, prop = scarred.transpose(2, 0, 1)
    assert 0.004 < (on_skin > 128).mean() < 0.15
    assert np.nonzero(on_skin > 128)[1].mean() > 8  # his left cheek
    assert not prop.any()
    armed = replace(PLAIN, prop="sword")
    plain = replace(KAIRO, marks=())
    held = details(renderer, plain, armed, renderer.render(plain, armed))
    assert held[..., 1].max() == 255
    assert not held[..., 0].any()


def test_a_mark_that_a_prop_covers_does_not_show(renderer: Renderer) -> None:
    chin = replace(KAIRO, marks=(SkinMark("scar", "chin"),))
    covered = replace(PLAIN, prop="book")
    bare, hidden = (
        details(renderer, chin, shot, renderer.render(chin, shot))[..., 0].sum()
        for shot in (PLAIN, covered)
    )
    assert hidden < 0.1 * bare


def amber(picture: Pixels) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    red, green, blue = (picture[..., k].astype(int) for k in range(3))
    return (red > 180) & (green > 130) & (blue < 110)


def test_a_cyber_eye_glows_on_its_own_side(renderer: Renderer) -> None:
    columns = np.nonzero(amber(renderer.render(KAIRO, PLAIN)))[1]
    assert len(columns) > 0
    assert columns.mean() > 32
    swapped = replace(
        KAIRO, left_cyber=False, right_cyber=True, left_eye="brown", right_eye="amber"
    )
    assert np.nonzero(amber(renderer.render(swapped, PLAIN)))[1].mean() < 32


def test_random_values_are_decided_by_their_seed() -> None:
    def draw(seed: int) -> tuple[object, Shot]:
        rng = np.random.default_rng(seed)
        return random_actor(rng), random_shot(rng)

    assert draw(8) == draw(8)
    assert draw(8) != draw(9)


def test_phenotype_weights_are_a_mixture() -> None:
    weights = corner_weights(random_actor(np.random.default_rng(1)))
    assert weights.shape == (len(CORNERS),)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1.0, abs=1e-5)


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def test_separation_is_perfect_for_people_apart_and_chance_for_one_and_the_same() -> None:
    rng = np.random.default_rng(2)
    owners = np.repeat(np.arange(20), 4)
    noise = rng.normal(size=(80, 64)).astype(np.float32)
    people = rng.normal(size=(20, 64)).astype(np.float32)[owners]
    assert separation(unit(people + 0.05 * noise), owners) == {"auc": 1.0, "rank_1": 1.0}
    chance = separation(unit(noise), owners)
    assert abs(chance["auc"] - 0.5) < 0.1
    assert chance["rank_1"] < 0.3


def test_what_passes_through_a_codec_is_measured_against_pictures_and_people() -> None:
    rng, owners = np.random.default_rng(0), np.repeat(np.arange(10), 6)
    people, noise = rng.normal(size=(10, 64))[owners], 0.3 * rng.normal(size=(60, 64))
    vectors = unit((people + noise).astype(np.float32))
    kept = survival(Crowd(vectors, owners, vectors))
    assert kept == {"vae_cosine": 1.0, "vae_rank_1": 1.0, "vae_rank_1_of_people": 1.0}
    lost = survival(Crowd(vectors, owners, vectors[::-1]))
    assert lost["vae_cosine"] < 0.3
    assert (lost["vae_rank_1"], lost["vae_rank_1_of_people"]) == (0.0, 0.0)
