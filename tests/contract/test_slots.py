"""Many characters in one batch, on every family: each picture is the one it would be alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import save as save_tensors

from cluster.codecs.adapter_file import DOWN, UP
from cluster.domain.learning.adapter import AdapterVersion
from cluster.domain.render import Inpainting, RenderOrder
from cluster.errors import BadAdapter, Invalid
from cluster.ports import BlobStore
from cluster.providers.diffusers.folder import BaseFolder
from cluster.settings import GeneratorSettings
from cluster.store.blobs import Blobs
from tests import values
from tests.tiny_adapters import Tensors, lora, pairs_on, tensors, with_alpha

if TYPE_CHECKING:
    from cluster.providers.diffusers.model import DiffusersImageModel


pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

SIDE = 64
SLOTS = 3
NEAR = 1e-4
FAR = 3e-3
PROMPTS = ("a knight in the rain", "fox", "an old sailor on a long wooden pier at dawn", "a robot")


@pytest.fixture(scope="module")
def zimage(tiny_pipeline: Callable[[str], BaseFolder]) -> BaseFolder:
    return tiny_pipeline("zimage")


@pytest.fixture(scope="module")
def flux(tiny_pipeline: Callable[[str], BaseFolder]) -> BaseFolder:
    """The quickest of the families, for what no family does in its own way."""
    return tiny_pipeline("flux")


@pytest.fixture(scope="module")
def model(flux: BaseFolder, blobs: BlobStore) -> DiffusersImageModel:
    return load(flux, blobs)


def load(base: BaseFolder, blobs: BlobStore, **more: object) -> DiffusersImageModel:
    from cluster.providers.diffusers.model import DiffusersImageModel

    given: dict[str, object] = {"model": str(base.folder), "device": "cpu", "adapter_slots": SLOTS}
    given |= {"steps": 2, "guidance": 3.0}
    return DiffusersImageModel(GeneratorSettings.model_validate(given | more), blobs)


class Wardrobe:
    """Adapters of characters who are named by a letter."""

    def __init__(self, base: BaseFolder, blobs: BlobStore) -> None:
        self.base, self._blobs = base, blobs

    def __call__(self, letter: str, content: bytes) -> AdapterVersion:
        sha256 = self._blobs.put(content)
        return values.adapter(
            character_id=letter, sha256=sha256, base_model=self.base.id, rank=4, alpha=4
        )

    def four(self) -> list[AdapterVersion | None]:
        """Two whole adapters of unlike ranks, nobody, and one that changes few layers."""
        found = tensors(self.base.layers, seed=3)
        few = {key: value for key, value in found.items() if ".to_k" in key}
        return [
            self("a", lora(self.base, seed=1)),
            self("b", with_alpha(self.base, rank=8, alpha=4, seed=2)),
            None,
            self("c", save_tensors(few)),
        ]


@pytest.fixture
def wardrobe(flux: BaseFolder, blobs: BlobStore) -> Wardrobe:
    return Wardrobe(flux, blobs)


def orders(adapters: Sequence[AdapterVersion | None]) -> list[RenderOrder]:
    return [
        RenderOrder(
            prompt=PROMPTS[n % len(PROMPTS)],
            negative_prompt="blurry" if n % 2 else "",
            seed=n,
            width_px=SIDE,
            height_px=SIDE,
            adapter=adapter,
        )
        for n, adapter in enumerate(adapters)
    ]


def exact(model: DiffusersImageModel, batch: list[RenderOrder]) -> npt.NDArray[np.float32]:
    """Pictures before they are rounded to 256 levels."""
    return np.stack(model._painted(batch, SIDE, SIDE))


def alone(model: DiffusersImageModel, batch: list[RenderOrder]) -> npt.NDArray[np.float32]:
    return np.concatenate([exact(model, [order]) for order in batch])


def apart(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    return float(np.abs(one - other).max())


def assert_batch_equals_runs(
    model: DiffusersImageModel, adapters: Sequence[AdapterVersion | None]
) -> None:
    batch = orders(adapters)
    single = alone(model, batch)
    bare = alone(model, orders([None] * len(batch)))
    assert apart(exact(model, batch), single) < NEAR
    assert apart(exact(model, batch[::-1]), single[::-1]) < NEAR
    for adapter, with_it, without in zip(adapters, single, bare, strict=True):
        assert (apart(with_it, without) > FAR) == (adapter is not None)


def test_a_mixed_batch_equals_separate_runs(base: BaseFolder, blobs: BlobStore) -> None:
    assert_batch_equals_runs(load(base, blobs), Wardrobe(base, blobs).four())


def test_levels_differ_by_rounding_alone(base: BaseFolder, blobs: BlobStore) -> None:
    model, batch = load(base, blobs), orders(Wardrobe(base, blobs).four())
    for order, rendering in zip(batch, model.render_batch(batch), strict=True):
        single = model.render(order).pixels.astype(int)
        assert rendering.seed == order.seed
        assert np.abs(rendering.pixels - single).max() <= 1
        assert np.mean(rendering.pixels != single) < 0.01


def test_alone_again_is_the_same_bit_for_bit(
    model: DiffusersImageModel, wardrobe: Wardrobe
) -> None:
    batch = orders(wardrobe.four())
    before = [model.render(order).pixels for order in batch]
    model.render_batch(batch)
    assert all(
        np.array_equal(model.render(order).pixels, pixels)
        for order, pixels in zip(batch, before, strict=True)
    )


def test_more_characters_than_slots_are_painted_in_turns(
    model: DiffusersImageModel, wardrobe: Wardrobe
) -> None:
    seven = [wardrobe(f"s{n}", lora(wardrobe.base, seed=20 + n)) for n in range(2 * SLOTS + 1)]
    assert_batch_equals_runs(model, [*seven, seven[0], None])
    assert len(model.resident) == SLOTS


def test_a_batch_never_takes_its_own_slots(model: DiffusersImageModel, wardrobe: Wardrobe) -> None:
    old, new, *more = (wardrobe(f"t{n}", lora(wardrobe.base, seed=40 + n)) for n in range(4))
    model.render_batch(orders([old, new, more[0]]))
    model.render_batch(orders([old, more[1]]))  # old has waited longest, and is in the batch
    assert {name.split("_v")[0] for name in model.resident} == {"char_t0", "char_t2", "char_t3"}


def test_one_batch_has_one_size(model: DiffusersImageModel) -> None:
    tall = RenderOrder(prompt="a", seed=1, width_px=SIDE, height_px=2 * SIDE)
    with pytest.raises(Invalid, match="one size"):
        model.render_batch([*orders([None]), tall])


def test_a_bad_adapter_in_a_batch_is_named(model: DiffusersImageModel, wardrobe: Wardrobe) -> None:
    four = wardrobe.four()
    served = exact(model, orders(four))
    nan = tensors(wardrobe.base.layers)
    next(iter(nan.values()))[0, 0] = np.nan
    for content, why in [
        (save_tensors(nan), "NaN"),
        (lora(wardrobe.base, rank=33), "adapter_max_rank|ranks up to 32"),
        (lora(wardrobe.base, base_model="acme/other"), "trained on acme/other"),
        (lora(wardrobe.base)[:-9], "not a complete"),
    ]:
        bad = wardrobe("bad", content)
        with pytest.raises(BadAdapter, match=why):
            model.stage(bad)
        with pytest.raises(BadAdapter, match=why):
            model.render_batch(orders([*four, bad]))
        assert np.array_equal(exact(model, orders(four)), served)


def test_inpainting_shares_the_slots(model: DiffusersImageModel, wardrobe: Wardrobe) -> None:
    adapter = wardrobe("a", lora(wardrobe.base, seed=1))
    before = model.render(orders([adapter])[0]).pixels
    held = model.resident
    mask = np.full((SIDE, SIDE), 255, np.uint8)
    model.inpaint(before, mask, Inpainting(prompt="a", seed=1, strength=0.6, adapter=adapter))
    assert model.resident == held


def linear_and_convolution(base: BaseFolder, seed: int) -> Tensors:
    """A pair for every layer that a LoRA of `base` can change."""
    shapes = base.layers.shapes
    return pairs_on(
        base.layers, [name for name, shape in shapes.items() if len(shape) in (2, 4)], seed=seed
    )


def test_convolutions_and_every_other_layer_of_a_unet_can_be_adapted(
    sd15: BaseFolder, blobs: BlobStore, tmp_path: Path
) -> None:
    import diffusers
    import torch

    wardrobe, model = Wardrobe(sd15, blobs), load(sd15, blobs)
    one, other = (save_tensors(linear_and_convolution(sd15, seed)) for seed in (1, 2))
    assert_batch_equals_runs(model, [wardrobe("x", one), wardrobe("y", other), None])
    (tmp_path / "x.safetensors").write_bytes(one)
    pipe = diffusers.DiffusionPipeline.from_pretrained(sd15.folder, local_files_only=True)
    pipe.load_lora_weights(str(tmp_path), weight_name="x.safetensors")
    (order,) = orders([wardrobe("x", one)])
    stock = pipe(
        prompt=[order.prompt],
        negative_prompt=[""],
        width=SIDE,
        height=SIDE,
        guidance_scale=3.0,
        num_inference_steps=2,
        generator=torch.Generator("cpu").manual_seed(0),
        output_type="np",
    ).images
    assert apart(exact(model, [order]), stock) < 1e-3


def test_layers_that_cannot_tell_pictures_apart_are_painted_one_character_at_a_time(
    zimage: BaseFolder, blobs: BlobStore
) -> None:
    wardrobe, model = Wardrobe(zimage, blobs), load(zimage, blobs)
    embedders = [name for name in zimage.layers.shapes if "all_x_embedder" in name]
    assert embedders
    one, other = (
        save_tensors(tensors(zimage.layers, seed=n) | pairs_on(zimage.layers, embedders, seed=n))
        for n in (1, 2)
    )
    plain = wardrobe("z", lora(zimage, seed=3))
    x, y = wardrobe("x", one), wardrobe("y", other)
    assert_batch_equals_runs(model, [x, y, x, plain, None])


def test_only_adapted_layers_take_memory(sd15: BaseFolder, blobs: BlobStore) -> None:
    wardrobe, model = Wardrobe(sd15, blobs), load(sd15, blobs, adapter_max_rank=8)
    assert model.slot_bytes == 0
    whole = tensors(sd15.layers, rank=8)
    first = dict(sorted(whole.items())[:2])
    model.stage(wardrobe("one", save_tensors(first)))
    least = (SLOTS + 1) * sum(value.nbytes for value in first.values())
    assert least <= model.slot_bytes < least + 4096
    model.stage(wardrobe("all", save_tensors(whole)))
    most = (SLOTS + 1) * sum(value.nbytes for value in whole.values())
    assert most <= model.slot_bytes < 1.1 * most


def test_the_halves_of_a_pair_are_not_mixed_up(sd15: BaseFolder, blobs: BlobStore) -> None:
    """Neither a slot nor the host's memory shows anything of a larger adapter that it held."""
    wardrobe, model = Wardrobe(sd15, blobs), load(sd15, blobs, adapter_slots=1)
    whole = tensors(sd15.layers, rank=32, seed=5)
    few = {key: value[:2] if key.endswith(DOWN) else value[:, :2] for key, value in whole.items()}
    few = {key: value for key, value in few.items() if "attn1.to_q" in key}
    assert {key for key in few if key.endswith(UP)}
    small, large = wardrobe("small", save_tensors(few)), wardrobe("large", save_tensors(whole))
    clean = exact(model, orders([small]))
    assert apart(exact(model, orders([large])), clean) > FAR
    assert np.array_equal(exact(model, orders([small])), clean)
    for seed in (6, 7, 8):  # so that "small" has to be staged again, where a larger one was
        larger = wardrobe(f"l{seed}", save_tensors(tensors(sd15.layers, rank=32, seed=seed)))
        exact(model, orders([larger]))
    assert np.array_equal(exact(model, orders([small])), clean)


class LateBlobs(Blobs):
    """Whoever wants to view a blob while `gate` is shut waits for it."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.gate, self.asked = Event(), Event()

    @contextmanager
    def view(self, sha256: str) -> Iterator[memoryview]:
        self.asked.set()
        assert self.gate.wait(30)
        with super().view(sha256) as content:
            yield content


def test_an_adapter_that_is_late_holds_up_nobody_who_does_not_use_it(
    flux: BaseFolder, tmp_path: Path
) -> None:
    late = LateBlobs(str(tmp_path))
    wardrobe, model = Wardrobe(flux, late), load(flux, late)
    here, coming = (wardrobe(f"c{seed}", lora(flux, seed=seed)) for seed in (1, 2))
    late.gate.set()
    model.stage(here)
    late.gate.clear()
    late.asked.clear()
    with ThreadPoolExecutor(1) as aside:
        staging = aside.submit(model.stage, coming)
        assert late.asked.wait(30)
        before = exact(model, orders([here, None]))
        assert not staging.done()
        late.gate.set()
        staging.result()
    assert np.array_equal(exact(model, orders([here, None])), before)
    assert apart(exact(model, orders([coming, None]))[:1], before[:1]) > FAR
