import pytest

from cluster.domain.render import Capabilities
from cluster.errors import Invalid

ABLE = Capabilities(
    model="tiny",
    lora=True,
    references=False,
    inpaint=True,
    width_px=128,
    height_px=96,
    token_budget=77,
    side_multiple_px=16,
    max_side_px=512,
)


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ((None, None), (128, 96)),
        ((256, None), (256, 96)),
        ((None, 512), (128, 512)),
        ((64, 64), (64, 64)),
    ],
)
def test_a_side_that_is_not_given_is_the_models_own(
    asked: tuple[int | None, int | None], given: tuple[int, int]
) -> None:
    assert ABLE.size(*asked) == given


@pytest.mark.parametrize("side", [0, -128, 48, 63, 100, 528])
def test_a_side_that_cannot_be_painted_is_named(side: int) -> None:
    with pytest.raises(Invalid, match=f"width_px = {side}: tiny paints multiples of 16"):
        ABLE.size(side, None)
    with pytest.raises(Invalid, match=f"height_px = {side}"):
        ABLE.size(None, side)
