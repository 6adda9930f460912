"""Attribute parts: what counts, and what is left out and why."""

import numpy as np
import pytest

from cluster.domain.character import Eye, Hair, Mark, Profile
from cluster.domain.identity.face import Face, centroid
from cluster.domain.identity.likeness import likeness, unread
from cluster.domain.identity.score import Part
from cluster.domain.identity.tags import Tags
from cluster.errors import BadImage
from cluster.identity_judge import view
from cluster.ports import Vector
from serve.replicas.validator import odd_ones, only_face

SCAR = "scar on the left cheek"
PROFILE = Profile(
    hair=Hair(colour="black", style="short"),
    left_eye=Eye(colour="amber", cyber=True),
    right_eye=Eye(colour="brown"),
    marks=(Mark(kind="scar", place="left cheek"),),
)
SEEN = {
    "hair_colour": {"black": 0.9, "brown": 0.1, "": 0.0},
    "hair_style": {"short": 0.7, "long": 0.3},
    "left_eye": {"amber": 0.8, "brown": 0.2, "": 0.0},
    "right_eye": {"amber": 0.1, "brown": 0.9, "": 0.0},
    "cyber": {"left": 0.95, "right": 0.05},
    "marks": {SCAR: 0.98},
}


def face(*, width: float = 60.0, nose: float = 0.5) -> Face:
    """A level face; the nose at `nose` of the way from the eye on the picture's left."""
    eyes = 0.45 * width
    points = [[0, 0], [eyes, 0], [nose * eyes, 0.6 * eyes], [0.1 * eyes, eyes], [0.9 * eyes, eyes]]
    return Face(
        box=(0.0, 0.0, width, 1.3 * width),
        landmarks=np.array(points, np.float32),
        score=0.9,
        embedding=np.eye(4, dtype=np.float32)[0],
    )


def read(
    heads: dict[str, dict[str, float]] | None = None,
    *,
    profile: Profile = PROFILE,
    of: Face | None = None,
) -> dict[str, Part]:
    tags = Tags(heads={**SEEN, **(heads or {})})
    return {part.name: part for part in likeness(profile, tags, of or face())}


def test_every_asked_part_is_there_in_order() -> None:
    assert list(read()) == ["hair", "left_eye", "right_eye", SCAR]


def test_hair_is_judged_by_its_colour() -> None:
    assert read({"hair_style": {"short": 0.1, "long": 0.9}})["hair"].score == pytest.approx(0.9)


def test_the_wrong_hair_scores_low_and_says_what_it_looks_like() -> None:
    part = read({"hair_colour": {"black": 0.05, "brown": 0.95}})["hair"]
    assert part.score == pytest.approx(0.05)
    assert "brown" in part.reason


def test_hair_without_a_colour_is_judged_by_its_style() -> None:
    part = read(profile=Profile(hair=Hair(style="short")))["hair"]
    assert part.score == pytest.approx(0.7)


def test_bald_heads_have_no_hair_colour() -> None:
    bald = Profile(hair=Hair(style="bald", colour="black"))
    part = read({"hair_style": {"bald": 0.9, "short": 0.1}}, profile=bald)["hair"]
    assert part.score == pytest.approx(0.9)


def test_a_cyber_eye_must_look_cyber() -> None:
    assert read()["left_eye"].score == pytest.approx(0.8)
    assert read({"cyber": {"left": 0.1, "right": 0.0}})["left_eye"].score == pytest.approx(0.1)


def test_a_plain_eye_must_not_look_cyber() -> None:
    assert read({"cyber": {"left": 0.9, "right": 0.9}})["right_eye"].score == pytest.approx(0.1)


def test_a_missing_mark_scores_low() -> None:
    part = read({"marks": {SCAR: 0.002}})[SCAR]
    assert part.score is not None
    assert part.score < 0.1


def test_a_mark_far_above_chance_counts_as_seen() -> None:
    part = read({"marks": {SCAR: 0.35}})[SCAR]
    assert part.score is not None
    assert part.score > 0.9


def test_words_unknown_to_the_tagger_are_left_out() -> None:
    odd = Profile(hair=Hair(colour="tangerine"), marks=(Mark(kind="dimple", place="chin"),))
    assert [part.score for part in read(profile=odd).values()] == [None, None]


def test_what_is_not_visible_is_left_out() -> None:
    part = read({"left_eye": {"amber": 0.05, "brown": 0.05, "": 0.9}})["left_eye"]
    assert (part.score, part.reason) == (None, "not visible")


def test_an_unsure_tagger_is_left_out() -> None:
    part = read({"marks": {SCAR: 0.03}})[SCAR]
    assert part.score is None
    assert "unsure" in part.reason


def test_a_head_turned_to_its_left_hides_its_left_side() -> None:
    parts = read(of=face(nose=1.1))
    assert parts[SCAR].score is None
    assert parts["left_eye"].score is None
    assert parts["right_eye"].score is not None


def test_a_head_turned_to_its_right_shows_its_left_side() -> None:
    parts = read(of=face(nose=-0.1))
    assert parts[SCAR].score is not None
    assert parts["right_eye"].score is None


def test_small_faces_show_hair_alone() -> None:
    scores = {name: part.score for name, part in read(of=face(width=20)).items()}
    assert scores["hair"] is not None
    assert scores["left_eye"] is scores[SCAR] is None


def test_unread_parts_carry_the_reason() -> None:
    assert [(part.score, part.reason) for part in unread(PROFILE, "why")] == [(None, "why")] * 4


def test_yaw_is_zero_from_the_front_and_positive_to_the_own_left() -> None:
    assert face().yaw_deg == pytest.approx(0.0)
    assert face(nose=0.8).yaw_deg > 20
    assert face(nose=0.2).yaw_deg < -20


def test_a_profile_is_judged_with_a_warning_but_is_no_reference() -> None:
    side = face(nose=1.6)
    assert side.is_profile
    assert "from the side" in view(side)
    with pytest.raises(BadImage, match="from the side"):
        only_face(3, "image 3", [side])


def test_a_reference_of_nobody_of_many_or_too_small_is_refused_by_index() -> None:
    for faces, words in (
        ([], "no face"),
        ([face(), face()], "2 faces"),
        ([face(width=9)], "9 px wide"),
    ):
        with pytest.raises(BadImage, match=words) as caught:
            only_face(2, "image 2", faces)
        assert caught.value.index == 2


def test_a_tiny_passer_by_does_not_spoil_a_reference() -> None:
    main = face()
    assert only_face(0, "image 0", [main, face(width=9)]) is main


def at(*degrees: float) -> Vector:
    turns = np.radians(degrees)
    return np.stack([np.cos(turns), np.sin(turns)], axis=1).astype(np.float32)


def test_the_odd_one_is_outside_the_largest_agreeing_group() -> None:
    assert odd_ones(at(0, 90, 10, 5), 0.8) == [1]


def test_agreement_passes_through_others() -> None:
    assert odd_ones(at(0, 30, 60), 0.8) == []


def test_of_two_that_differ_the_second_is_odd() -> None:
    assert odd_ones(at(0, 90), 0.8) == [1]


def test_the_centroid_is_the_unit_vector_in_the_middle() -> None:
    assert centroid(at(0, 60)) == pytest.approx(at(30)[0])
