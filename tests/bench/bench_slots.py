"""What serving adapters from slots is worth: `python -m tests.bench.bench_slots swap | batch`.

`swap`: an SDXL-sized adapter (560 attention layers of the true widths, rank 16, bfloat16) verified,
staged, copied and published, against PEFT's `hotswap_adapter`, turn about in one process. Warm:
the files are in the page cache, the slots exist, and as many adapters were staged before as are
kept staged, so that their memory is used again; every swap still reads, hashes and checks its
whole file, as a replica does that never saw the version; PEFT checks nothing, and the digest alone
takes a quarter of PEFT's time. Of a version that was staged before (prefetched,
or announced by the registry) only "copy, publish" is left when it is switched to.
`batch`: eight characters in one batch, against eight runs and against eight of one character.
"""

import argparse
import gc
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from peft import LoraConfig, get_peft_model
from peft.utils.hotswap import hotswap_adapter
from rich.console import Console
from rich.table import Table
from safetensors.torch import save, save_file
from torch import nn

from cluster.codecs.adapter_file import DOWN, UP
from cluster.domain.character import CharacterId
from cluster.domain.learning.adapter import AdapterVersion
from cluster.domain.render import RenderOrder
from cluster.providers.diffusers.adapters import ATTENTION, Adapters
from cluster.providers.diffusers.folder import BaseFolder, base_folder
from cluster.providers.diffusers.model import DiffusersImageModel
from cluster.settings import GeneratorSettings, StoreSettings
from cluster.store import Store
from tests.tiny_adapters import Tensors, tensors

RANK = 16
TEXT = 2048
# Stable Diffusion XL's UNet: where its attention lies, how wide, how many blocks an attention.
STAGES = (
    ("down_blocks.1", 640, 2, 2),
    ("down_blocks.2", 1280, 2, 10),
    ("mid_block", 1280, 1, 10),
    ("up_blocks.0", 1280, 3, 10),
    ("up_blocks.1", 640, 3, 2),
)
CHARACTERS = 8
SLOTS = 2
WARM_UPS = 2 * SLOTS + 1  # staged adapters are kept for twice the slots

Shapes = dict[str, tuple[int, int]]
Clock = Callable[[], float]
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "processor": time.process_time}

console = Console()


def sdxl_shapes() -> Shapes:
    """(out, in) of SDXL's 560 attention projections by name."""
    found = {}
    for stage, width, attentions, blocks in STAGES:
        for attention in range(attentions):
            for block in range(blocks):
                at = f"{stage}.attentions.{attention}.transformer_blocks.{block}"
                for name, source in (("attn1", width), ("attn2", TEXT)):
                    for projection in ATTENTION:
                        into = source if projection in (".to_k", ".to_v") else width
                        found[f"{at}.{name}{projection}"] = (width, into)
    return found


def flux_shapes() -> Shapes:
    """(out, in) of the attention projections of FLUX.1's 19 double and 38 single blocks."""
    double = [f"transformer_blocks.{n}.attn{one}" for n in range(19) for one in ATTENTION]
    single = [
        f"single_transformer_blocks.{n}.attn{one}" for n in range(38) for one in ATTENTION[:3]
    ]
    return dict.fromkeys([*double, *single], (3072, 3072))


SHAPES: dict[str, Callable[[], Shapes]] = {"sdxl": sdxl_shapes, "flux": flux_shapes}


def tree(shapes: Shapes, device: torch.device) -> nn.Module:
    """Those layers alone, in their places; what is in their weights plays no part."""
    root = nn.Module()
    for name, (out, into) in shapes.items():
        *path, leaf = name.split(".")
        parent = root
        for part in path:
            if part not in parent._modules:
                parent.add_module(part, nn.Module())
            parent = parent._modules[part]  # type: ignore[assignment]
        with torch.device("meta"):
            layer = nn.Linear(into, out, bias=False, dtype=torch.bfloat16)
        parent.add_module(leaf, layer.to_empty(device=device))
    return root.requires_grad_(False)


def noise(shapes: Shapes, seed: int) -> dict[str, torch.Tensor]:
    """A LoRA for every layer, by module name and half."""
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for name, (out, into) in shapes.items():
        for half, shape in ((DOWN, (RANK, into)), (UP, (out, RANK))):
            found[name + half] = torch.randn(shape, generator=generator).mul(0.02).bfloat16()
    return found


class Ours:
    """The product's own path, from the blob store to a published slot, in its parts."""

    def __init__(self, shapes: Shapes, folder: Path, device: torch.device) -> None:
        base = folder / "sdxl" / "unet"
        base.mkdir(parents=True)
        (base.parent / "model_index.json").write_text("{}")
        header: dict[str, object] = {}
        for name, shape in shapes.items():  # a header is all that is read of the base model
            header[f"{name}.weight"] = {"dtype": "BF16", "shape": shape, "data_offsets": [0, 0]}
        text = json.dumps(header).encode()
        weights = len(text).to_bytes(8, "little") + text
        (base / "diffusion_pytorch_model.safetensors").write_bytes(weights)
        self.base = BaseFolder(base.parent)
        self.blobs = Store.open(StoreSettings(home=folder / "home")).blobs
        self.adapters = Adapters(
            tree(shapes, device), self.base, self.blobs, slots=SLOTS, max_rank=RANK
        )
        self._files: list[str] = []

    def keep(self, content: bytes) -> None:
        self._files.append(self.blobs.put(content))

    def swap(self, turn: int, clock: Clock) -> dict[str, float]:
        """Seconds of each part of a swap to a version that nobody has seen before."""
        version = AdapterVersion(
            character_id=CharacterId("bench"),
            version=turn + 1,
            base_model=self.base.id,
            rank=RANK,
            alpha=RANK,
            sha256=self._files[turn % len(self._files)],
        )
        begun = clock()
        with self.blobs.view(version.sha256) as content:
            self.adapters._verified(version, content)
        verify = clock() - begun
        begun = clock()
        self.adapters.stage(version)
        staged = clock()
        with self.adapters.serving([version]):
            _synchronise()
            done = clock()
        return {
            "verify": verify,
            "verify, stage": staged - begun,
            "copy, publish": done - staged,
            "verify, stage, copy, publish": done - begun,
        }


class Peft:
    """The same layers under PEFT, hot-swapped from a folder as its documentation says."""

    def __init__(self, shapes: Shapes, folder: Path, device: torch.device) -> None:
        config = LoraConfig(r=RANK, lora_alpha=RANK, target_modules=list(shapes))
        self._device = str(device)
        self._model = get_peft_model(tree(shapes, device), config, autocast_adapter_dtype=False)
        self._folder, self.folders, self._config = folder, list[Path](), config

    def keep(self, found: dict[str, torch.Tensor]) -> None:
        folder = self._folder / f"peft-{len(self.folders)}"
        folder.mkdir()
        self._config.save_pretrained(folder)
        prefixed = {f"base_model.model.{name}": value for name, value in found.items()}
        save_file(prefixed, folder / "adapter_model.safetensors")
        self.folders.append(folder)

    def swap(self, folder: Path, clock: Clock) -> float:
        begun = clock()
        hotswap_adapter(self._model, str(folder), "default", torch_device=self._device)
        _synchronise()
        return clock() - begun


def measure_swaps(
    shapes: Shapes, rounds: int, device: torch.device, clock: Clock = time.perf_counter
) -> tuple[dict[str, list[float]], list[float]]:
    """Seconds of our swaps, by part, and of PEFT's, turn about."""
    parts: dict[str, list[float]] = {}
    theirs: list[float] = []
    with tempfile.TemporaryDirectory() as home, torch.no_grad():
        ours, peft = Ours(shapes, Path(home), device), Peft(shapes, Path(home), device)
        for seed in range(2):
            found = noise(shapes, seed)
            ours.keep(save({f"unet.{name}": value for name, value in found.items()}))
            peft.keep(found)
        gc.collect()
        for turn in range(WARM_UPS + rounds):
            one = ours.swap(turn, clock)
            other = peft.swap(peft.folders[turn % 2], clock)
            if turn >= WARM_UPS:
                theirs.append(other)
                for name, seconds in one.items():
                    parts.setdefault(name, []).append(seconds)
    return parts, theirs


def paired(ours: list[float], theirs: list[float]) -> float:
    """How many times as long theirs took: the median over the rounds."""
    return median(other / one for one, other in zip(ours, theirs, strict=True))


def bench_swap(rounds: int, family: str, device: torch.device, clock: str) -> None:
    shapes = SHAPES[family]()
    parts, theirs = measure_swaps(shapes, rounds, device, CLOCKS[clock])
    table = Table(
        f"{family}: {len(shapes)} layers, rank {RANK}",
        f"median ms, {clock} time",
        "PEFT / ours, paired",
    )
    for name, values in parts.items():
        ratio = paired(values, theirs)
        table.add_row(f"ours: {name}", f"{1000 * median(values):.1f}", f"{ratio:.1f}")
    table.add_row("PEFT hotswap_adapter", f"{1000 * median(theirs):.1f}", "")
    console.print(table)


def bench_batch(rounds: int, model: str, steps: int) -> None:
    with tempfile.TemporaryDirectory() as home:
        blobs = Store.open(StoreSettings(home=Path(home))).blobs
        base = base_folder(model)
        cast = [
            AdapterVersion(
                character_id=CharacterId(f"c{seed}"),
                version=1,
                base_model=base.id,
                rank=8,
                alpha=8,
                sha256=blobs.put(save_numpy(tensors(base.layers, rank=8, seed=seed))),
            )
            for seed in range(CHARACTERS)
        ]
        settings = GeneratorSettings(model=model, steps=steps, adapter_max_rank=8)
        painter = DiffusersImageModel(settings, blobs)
        mixed = [
            RenderOrder(prompt="a portrait", seed=n, adapter=one) for n, one in enumerate(cast)
        ]
        bare = [order.model_copy(update={"adapter": None}) for order in mixed]
        same = [order.model_copy(update={"adapter": cast[0]}) for order in mixed]
        ways: dict[str, Callable[[], object]] = {
            "8 characters in one batch": lambda: painter.render_batch(mixed),
            "8 separate runs": lambda: [painter.render(order) for order in mixed],
            "8 of one character in one batch": lambda: painter.render_batch(same),
            "8 without adapters in one batch": lambda: painter.render_batch(bare),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(rounds + 1):
            for name, way in ways.items():
                begun = time.perf_counter()
                way()
                if turn:
                    times[name].append(time.perf_counter() - begun)
    first = times["8 characters in one batch"]
    table = Table(f"8 pictures, {steps} steps, {base.id}", "median s", "ratio to the mixed batch")
    for name, values in times.items():
        ratio = paired(first, values)
        table.add_row(name, f"{median(values):.2f}", f"{ratio:.2f}")
    console.print(table)


def save_numpy(found: Tensors) -> bytes:
    return bytes(save({name: torch.from_numpy(value) for name, value in found.items()}))


def _synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("swap", "batch"))
    parser.add_argument("--family", choices=sorted(SHAPES), default="sdxl")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--model", default="studio")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--clock",
        choices=sorted(CLOCKS),
        default="wall",
        help="processor: what it costs, whatever else the machine is doing; not for a GPU",
    )
    given = parser.parse_args()
    if given.what == "swap":
        bench_swap(given.rounds, given.family, torch.device(given.device), given.clock)
    else:
        bench_batch(given.rounds, given.model, given.steps)


if __name__ == "__main__":
    main()
