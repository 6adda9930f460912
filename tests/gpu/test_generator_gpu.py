"""Painting on an NVIDIA GPU: bfloat16, adapters, and how many pictures a second."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cluster.domain.character import CharacterId
from cluster.domain.learning.adapter import AdapterVersion
from cluster.domain.render import Inpainting, RenderOrder
from cluster.providers.diffusers.folder import BaseFolder
from cluster.settings import ASSETS, GeneratorSettings
from cluster.store import Store
from tests.tiny_adapters import lora

if TYPE_CHECKING:
    from cluster.providers.diffusers.model import DiffusersImageModel


ORDER = RenderOrder(prompt="a knight in the rain", seed=7, width_px=64, height_px=64)
PICTURES = 16


@pytest.fixture(scope="module")
def model(base: BaseFolder, store: Store) -> DiffusersImageModel:
    from cluster.providers.diffusers.model import DiffusersImageModel

    return DiffusersImageModel(GeneratorSettings(model=str(base.folder), steps=3), store.blobs)


def test_the_gpu_is_chosen_and_paints_in_its_own_precision() -> None:
    import torch

    from cluster.providers.diffusers.load import pick_dtype

    device = torch.device("cuda")
    expected = torch.bfloat16 if torch.cuda.get_device_capability() >= (8, 0) else torch.float16
    assert pick_dtype(device) == expected


def test_the_same_order_gives_the_same_pixels(model: DiffusersImageModel) -> None:
    first = model.render(ORDER).pixels
    assert first.std() > 1
    assert np.array_equal(model.render(ORDER).pixels, first)


def test_an_adapter_changes_the_picture_and_leaves_the_base_as_it_was(
    base: BaseFolder, model: DiffusersImageModel, store: Store
) -> None:
    bare = model.render(ORDER).pixels
    adapter = AdapterVersion(
        character_id=CharacterId("kairo"),
        version=1,
        sha256=store.blobs.put(lora(base)),
        base_model=base.id,
        rank=4,
        alpha=4,
    )
    order = ORDER.model_copy(update={"adapter": adapter})
    assert not np.array_equal(model.render(order).pixels, bare)
    assert np.array_equal(model.render(ORDER).pixels, bare)


def test_inpainting_leaves_the_rest_alone(model: DiffusersImageModel) -> None:
    before = model.render(ORDER).pixels
    mask = np.zeros((64, 64), np.uint8)
    mask[16:48, 16:48] = 255
    after = model.inpaint(before, mask, Inpainting(prompt="a face", seed=1, strength=0.6))
    assert np.array_equal(after[mask == 0], before[mask == 0])
    assert not np.array_equal(after, before)


def test_throughput(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """Pictures a second of the embedded model at its own size, one after the other."""

    import torch

    from cluster.providers.diffusers.model import DiffusersImageModel

    if not (ASSETS / "studio" / "model_index.json").is_file():
        pytest.skip("the embedded model is not in this checkout")
    model = DiffusersImageModel(GeneratorSettings(), store.blobs)
    model.render(RenderOrder(prompt="warm up", seed=0))
    start = time.perf_counter()
    for seed in range(PICTURES):
        model.render(RenderOrder(prompt="a knight in the rain", seed=seed))
    rate = PICTURES / (time.perf_counter() - start)
    with capsys.disabled():
        print(f"\n{rate:.1f} pictures/s on {torch.cuda.get_device_name()}")  # noqa: T201
    assert rate > 1
