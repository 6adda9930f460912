"""A compiled model stays compiled, whoever comes, goes, or shares a batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cluster.domain.learning.adapter import AdapterVersion
from cluster.domain.render import RenderOrder
from cluster.ports import BlobStore
from cluster.providers.diffusers.folder import BaseFolder
from cluster.settings import GeneratorSettings
from tests import values
from tests.tiny_adapters import lora

if TYPE_CHECKING:
    from cluster.providers.diffusers.model import DiffusersImageModel


SIDE = 64


@pytest.fixture
def _fresh_compiler() -> Iterator[None]:
    import torch

    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def load(base: BaseFolder, blobs: BlobStore, compile: bool) -> DiffusersImageModel:
    from cluster.providers.diffusers.model import DiffusersImageModel

    settings = GeneratorSettings(
        model=str(base.folder), device="cpu", steps=1, adapter_slots=2, compile=compile
    )
    return DiffusersImageModel(settings, blobs)


def orders(adapters: Sequence[AdapterVersion | None]) -> list[RenderOrder]:
    return [
        RenderOrder(prompt="a fox", seed=n, width_px=SIDE, height_px=SIDE, adapter=adapter)
        for n, adapter in enumerate(adapters)
    ]


@pytest.mark.slow
@pytest.mark.usefixtures("_fresh_compiler")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_loading_evicting_and_mixing_adapters_never_recompiles(
    sd15: BaseFolder, blobs: BlobStore
) -> None:
    import torch

    model, eager = load(sd15, blobs, True), load(sd15, blobs, False)
    a, b, c = (
        values.adapter(
            character_id=name,
            base_model=sd15.id,
            rank=rank,
            alpha=rank,
            sha256=blobs.put(lora(sd15, rank=rank, seed=rank)),
        )
        for name, rank in (("a", 2), ("b", 4), ("c", 32))
    )
    model.render_batch(orders([None]))  # warm: one picture, and then any number of them
    model.render_batch(orders([None, None]))
    frames = torch._dynamo.utils.counters["frames"]
    assert frames["ok"] > 0
    compiled = frames["total"]
    with torch._dynamo.config.patch(error_on_recompile=True):
        for batch in ([a], [a, b], [c, None], [b, c], [a, None, a], [None], [None, None]):
            found = np.stack(model._painted(orders(batch), SIDE, SIDE))
            expected = np.stack(eager._painted(orders(batch), SIDE, SIDE))
            assert np.abs(found - expected).max() < 1e-4
    assert frames["total"] == compiled
