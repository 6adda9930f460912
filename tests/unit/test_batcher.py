"""Who is painted with whom, and when."""

import asyncio
import threading
from collections.abc import Sequence

import numpy as np
import pytest

from cluster.domain.learning.adapter import AdapterVersion
from cluster.domain.render import Capabilities, Inpainting, Rendering, RenderOrder
from cluster.errors import Invalid, Refused
from cluster.ports import Pixels
from serve.replicas.batcher import Batcher

FORBIDDEN = 666
BUG = 13


class Painter:
    """Paints flat colours, notes what was painted together, and waits for `brush` before each."""

    capabilities = Capabilities(
        model="flat",
        lora=True,
        references=False,
        inpaint=True,
        width_px=64,
        height_px=64,
        token_budget=77,
    )

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.asked = threading.Event()
        self.brush = threading.Event()
        self.brush.set()

    def stage(self, adapter: AdapterVersion) -> None:
        return

    def render(self, order: RenderOrder) -> Rendering:
        return self.render_batch([order])[0]

    def render_batch(self, orders: Sequence[RenderOrder]) -> list[Rendering]:
        self.asked.set()
        self.brush.wait(60)
        self.batches.append([order.seed for order in orders])
        if any(order.seed == FORBIDDEN for order in orders):
            raise Refused("not this one")
        if any(order.seed == BUG for order in orders):
            raise ZeroDivisionError
        return [
            Rendering(
                pixels=np.full((8, 8, 3), order.seed % 256, np.uint8), model="flat", seed=order.seed
            )
            for order in orders
        ]

    def inpaint(self, pixels: Pixels, mask: Pixels, order: Inpainting) -> Pixels:
        self.brush.wait(60)
        self.batches.append([-order.seed])
        return pixels + 1


@pytest.fixture
def painter() -> Painter:
    return Painter()


def order(seed: int, side: int = 64) -> RenderOrder:
    return RenderOrder(prompt="p", seed=seed, width_px=side, height_px=64)


async def held_up(painter: Painter, batcher: Batcher) -> asyncio.Task[Rendering]:
    """The batcher, busy with order 0 until the brush is given back."""
    painter.brush.clear()
    first = asyncio.create_task(batcher.render(order(0)))
    assert await asyncio.to_thread(painter.asked.wait, 60)
    return first


async def test_what_waits_is_painted_together_and_everybody_gets_their_own(
    painter: Painter,
) -> None:
    batcher = Batcher(painter, max_batch_size=4, batch_wait_s=0.0)
    first = await held_up(painter, batcher)
    rest = [asyncio.create_task(batcher.render(order(seed))) for seed in range(1, 7)]
    await asyncio.sleep(0)
    painter.brush.set()
    done = [await task for task in (first, *rest)]
    assert painter.batches == [[0], [1, 2, 3, 4], [5, 6]]
    assert [one.seed for one in done] == list(range(7))
    assert [one.pixels[0, 0, 0] for one in done] == list(range(7))


async def test_orders_of_different_sizes_do_not_meet_and_nobody_overtakes_for_ever(
    painter: Painter,
) -> None:
    batcher = Batcher(painter, max_batch_size=3, batch_wait_s=0.0)
    first = await held_up(painter, batcher)
    sides = (64, 128, 64, 128, 64, 64)
    rest = [asyncio.create_task(batcher.render(order(n, side))) for n, side in enumerate(sides, 1)]
    await asyncio.sleep(0)
    painter.brush.set()
    await asyncio.gather(first, *rest)
    assert painter.batches == [[0], [1, 3, 5], [2, 4], [6]]


@pytest.mark.parametrize(("wait_s", "batches"), [(0.2, [[1, 2]]), (0.0, [[1], [2]])])
async def test_an_idle_batcher_waits_a_moment_for_company(
    painter: Painter, wait_s: float, batches: list[list[int]]
) -> None:
    batcher = Batcher(painter, max_batch_size=4, batch_wait_s=wait_s)
    first = asyncio.create_task(batcher.render(order(1)))
    for _ in range(10):  # turns of the loop: without the wait, the first is on its way by then
        await asyncio.sleep(0)
    await asyncio.gather(first, batcher.render(order(2)))
    assert painter.batches == batches


async def test_one_at_a_time_waits_for_nobody(painter: Painter) -> None:
    batcher = Batcher(painter, max_batch_size=1, batch_wait_s=3600.0)
    async with asyncio.timeout(60):
        await asyncio.gather(*(batcher.render(order(seed)) for seed in (1, 2)))
    assert painter.batches == [[1], [2]]


async def test_an_order_that_fails_costs_only_its_own_picture(painter: Painter) -> None:
    batcher = Batcher(painter, max_batch_size=4, batch_wait_s=0.05)
    seeds = (1, FORBIDDEN, 2)
    done = await asyncio.gather(
        *(batcher.render(order(seed)) for seed in seeds), return_exceptions=True
    )
    assert isinstance(done[1], Refused)
    assert [one.seed for one in done if isinstance(one, Rendering)] == [1, 2]


async def test_a_bug_in_the_model_reaches_everybody_and_stops_nothing(painter: Painter) -> None:
    batcher = Batcher(painter, max_batch_size=4, batch_wait_s=0.05)
    done = await asyncio.gather(
        *(batcher.render(order(seed)) for seed in (1, BUG)), return_exceptions=True
    )
    assert [type(one) for one in done] == [Rendering, ZeroDivisionError]
    assert (await batcher.render(order(3))).seed == 3


async def test_a_size_that_cannot_be_painted_is_refused_at_once(painter: Painter) -> None:
    with pytest.raises(Invalid, match="width_px"):
        await Batcher(painter, max_batch_size=4, batch_wait_s=0.0).render(order(1, 65))
    assert painter.batches == []


async def test_repairs_have_their_turn(painter: Painter) -> None:
    batcher = Batcher(painter, max_batch_size=4, batch_wait_s=0.0)
    first = await held_up(painter, batcher)
    pixels = np.zeros((8, 8, 3), np.uint8)
    repair = Inpainting(prompt="p", seed=5, strength=0.5)
    rest = [
        asyncio.create_task(batcher.render(order(1))),
        asyncio.create_task(batcher.alone(painter.inpaint, pixels, pixels[..., 0], repair)),
        asyncio.create_task(batcher.render(order(2))),
    ]
    await asyncio.sleep(0)
    painter.brush.set()
    await asyncio.gather(first, *rest)
    assert painter.batches == [[0], [1, 2], [-5]]


async def test_who_has_gone_is_not_painted_for(painter: Painter) -> None:
    batcher = Batcher(painter, max_batch_size=4, batch_wait_s=0.0)
    first = await held_up(painter, batcher)
    gone, stays = (asyncio.create_task(batcher.render(order(seed))) for seed in (1, 2))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    painter.brush.set()
    await asyncio.gather(first, stays)
    assert painter.batches == [[0], [2]]
