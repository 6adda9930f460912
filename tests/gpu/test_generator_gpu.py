"""Painting on an NVIDIA GPU: bfloat16, adapters, and how many pictures a second."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch

from cluster.domain.character import CharacterId
from cluster.domain.learning.adapter import AdapterVersion
from cluster.domain.render import Inpainting, RenderOrder
from cluster.providers.diffusers.folder import BaseFolder, base_folder
from cluster.providers.diffusers.load import pick_dtype
from cluster.providers.diffusers.model import DiffusersImageModel
from cluster.settings import ASSETS, GeneratorSettings, StoreSettings
from cluster.store import Store
from tests.tiny_adapters import lora
from tests.tiny_pipelines import FAMILIES, save

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU"),
]
ORDER = RenderOrder(prompt="a knight in the rain", seed=7, width_px=64, height_px=64)
PICTURES = 16


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store.open(StoreSettings(home=tmp_path_factory.mktemp("store")))


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> BaseFolder:
    folder: Path = tmp_path_factory.mktemp("pipelines") / request.param
    return base_folder(str(save(request.param, folder)))


@pytest.fixture(scope="module")
def model(base: BaseFolder, store: Store) -> DiffusersImageModel:
    return DiffusersImageModel(GeneratorSettings(model=str(base.folder), steps=3), store.blobs)


def test_the_gpu_is_chosen_and_paints_in_its_own_precision() -> None:
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
