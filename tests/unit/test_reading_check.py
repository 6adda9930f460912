"""A reading is believed as far as the text and the cast bear it out."""

import pytest

from cluster.domain.story.reading import (
    SOMEBODY,
    Change,
    Evidence,
    SceneReading,
    Understanding,
)
from cluster.domain.story.reading_check import check_reading
from cluster.errors import Invalid
from tests.values import KAIRO

TEXT = "Kairo holds a lantern"
ENGLISH = Understanding(language="en", sure=1.0, read=True)


def reading(subject: str, start: int, end: int, quote: str) -> SceneReading:
    evidence = Evidence(start=start, end=end, quote=quote)
    change = Change(subject=subject, op="hold", slot="props", noun="lantern", evidence=evidence)
    return SceneReading(changes=(change,), understood=ENGLISH)


@pytest.mark.parametrize("subject", [KAIRO.id, SOMEBODY])
def test_a_reading_that_keeps_to_the_text_is_handed_on(subject: str) -> None:
    good = reading(subject, 6, 21, "holds a lantern")
    assert check_reading(good, [KAIRO], TEXT) is good


@pytest.mark.parametrize(
    ("start", "end", "quote"),
    [
        (6, 21, "holds a sword"),  # nobody said so
        (5, 20, "holds a lantern"),  # not where it stands
        (6, 99, "holds a lantern and a sword"),  # beyond the end
        (0, 0, ""),  # no words at all
    ],
)
def test_words_that_do_not_stand_in_the_text_are_refused(start: int, end: int, quote: str) -> None:
    with pytest.raises(Invalid, match="read wrongly") as refused:
        check_reading(reading(KAIRO.id, start, end, quote), [KAIRO], TEXT)
    assert "prompt.reader" in refused.value.advice


def test_a_subject_that_nobody_cast_is_refused() -> None:
    with pytest.raises(Invalid, match="'mira' is not in the cast"):
        check_reading(reading("mira", 6, 21, "holds a lantern"), [KAIRO], TEXT)


def test_a_text_that_was_not_read_says_nothing_wrong() -> None:
    unread = SceneReading(understood=Understanding(language="ja", sure=0.9, read=False))
    assert check_reading(unread, [], "カイロは走る") is unread
