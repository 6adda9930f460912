"""Slots on an NVIDIA GPU: mixed batches, and what a swap costs at the sizes of SDXL and FLUX.1."""

from statistics import median

import numpy as np
import pytest

from cluster.domain.character import CharacterId
from cluster.domain.learning.adapter import AdapterVersion
from cluster.domain.render import RenderOrder
from cluster.providers.diffusers.folder import BaseFolder
from cluster.settings import GeneratorSettings
from cluster.store import Store
from tests.tiny_adapters import lora

ROUNDS = 9
WHOLE, SWITCH = "verify, stage, copy, publish", "copy, publish"


def test_a_mixed_batch_shows_every_character_as_alone(base: BaseFolder, store: Store) -> None:
    """In bfloat16 a batch rounds otherwise than a single picture: near, and nearest to itself."""

    from cluster.providers.diffusers.model import DiffusersImageModel

    model = DiffusersImageModel(GeneratorSettings(model=str(base.folder), steps=2), store.blobs)
    cast = [
        AdapterVersion(
            character_id=CharacterId(f"c{seed}"),
            version=1,
            base_model=base.id,
            rank=4,
            alpha=4,
            sha256=store.blobs.put(lora(base, seed=seed)),
        )
        for seed in range(4)
    ]
    orders = [
        RenderOrder(prompt="a knight", seed=7, width_px=64, height_px=64, adapter=one)
        for one in (*cast, None)
    ]
    alone = np.stack([model.render(order).pixels for order in orders]).astype(float)
    for place, rendering in enumerate(model.render_batch(orders)):
        distances = np.abs(alone - rendering.pixels).mean(axis=(1, 2, 3))
        assert distances.argmin() == place, distances


@pytest.mark.parametrize("family", ["flux", "sdxl"])
def test_a_swap_is_quicker_than_pefts(family: str, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    from tests.bench.bench_slots import SHAPES, measure_swaps, paired

    parts, theirs = measure_swaps(SHAPES[family](), ROUNDS, torch.device("cuda"))
    with capsys.disabled():
        print(f"\n{family} on {torch.cuda.get_device_name()}")  # noqa: T201
        for name, values in parts.items():
            print(  # noqa: T201
                f"  {name}: {1000 * median(values):.1f} ms, PEFT takes "
                f"{paired(values, theirs):.1f} times as long"
            )
    assert paired(parts[SWITCH], theirs) > 3
    assert parts.keys() >= {WHOLE, SWITCH}
