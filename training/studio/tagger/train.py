"""Train, judge and export the tagger: `... tagger twins | painted | train | evaluate`.

`twins` passes renders through the trained autoencoder, `painted` lets the trained model paint over
them, both for `train` to mix in. Training stops after --minutes of processor time, keeps a
checkpoint and goes on from it when it is started again with more minutes; pictures made meanwhile
join. `--start` begins with what a shipped ONNX file still knows. `evaluate` calibrates on every
tenth actor of the training set, who is never trained on, reports on people of another seed, and
writes the ONNX file and its labels.
"""

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from training.studio.base.renders import RenderSet
from training.studio.renderer.render import shipped_head
from training.studio.tagger.augmentation import harder
from training.studio.tagger.data import (
    SIZE,
    Pictures,
    batches,
    is_for_calibration,
    join,
    keep_twins,
    kept,
    load,
    load_painted,
    load_twins,
    twins_path,
)
from training.studio.tagger.export import export
from training.studio.tagger.heads import IGNORE, SOFTMAX
from training.studio.tagger.net import FINE, TaggerNet
from training.studio.tagger.painted import keep_painted, painted_path
from training.studio.tagger.report import calibrate, report
from training.studio.tagger.warm_start import restore

BATCH = 32
PEAK_LR = 1.5e-3
WARMUP_STEPS = 200
INDEPENDENT, POINTS = 2.0, 0.3
"""Weights of marks, injuries and props (each shows in few pictures), and of keypoints."""
DECAY = 0.5
SAVE_EVERY_S = 60.0
WORTH_RELOADING = 1000
"""New pictures that are worth the time of loading all again."""


@dataclass(frozen=True)
class Options:
    """Where the renders are, where the checkpoint goes, and what may be spent."""

    renders: RenderSet
    head_cache: Path
    folder: Path
    minutes: float
    threads: int
    start: Path | None

    def available(self) -> int:
        """How many pictures there are by now, of all kinds."""
        made = twins_path(self.renders), painted_path(self.renders)
        return self.renders.finished() + sum(kept(path) for path in made)

    def training(self) -> Pictures:
        """What is there so far, without the actors kept for calibration."""
        indices = np.arange(self.renders.finished())
        plain = load(self.renders, self.head_cache, indices[~is_for_calibration(indices)])
        every = join(plain, load_twins(self.renders, self.head_cache))
        return join(every, load_painted(self.renders, self.head_cache))

    def calibration(self) -> Pictures:
        indices = np.arange(self.renders.finished())
        return load(self.renders, self.head_cache, indices[is_for_calibration(indices)])


def point_loss(maps: Tensor, points: Tensor) -> Tensor:
    """Cross-entropy of each keypoint's heat map with a Gaussian of one cell about the truth."""
    cells = (torch.arange(FINE) + 0.5) / FINE
    known = (points.isfinite() & (points > 0) & (points < 1)).all(-1)
    if not known.any():
        return maps.new_zeros(())
    at = points.nan_to_num(0.5)
    across = -((cells - at[..., :1]) ** 2) * FINE**2 / 2
    down = -((cells - at[..., 1:]) ** 2) * FINE**2 / 2
    target = (down[..., :, None] + across[..., None, :]).flatten(2).softmax(-1)
    loss = -(target * maps.float().flatten(2).log_softmax(-1)).sum(-1)
    return loss[known].mean()


def total_loss(outputs: tuple[Tensor, Tensor, Tensor], batch: Pictures, points: Tensor) -> Tensor:
    """Sum over heads: cross-entropy of exclusive labels, binary of independent ones, keypoints."""
    softmax, sigmoid, maps = outputs
    one_of, any_of = torch.from_numpy(batch.one_of), torch.from_numpy(batch.any_of)
    exclusive = [
        functional.cross_entropy(logits.float(), one_of[:, index], ignore_index=IGNORE)
        for index, logits in enumerate(
            torch.split(softmax, [len(names) for names in SOFTMAX.values()], 1)
        )
    ]
    known = any_of.isfinite()
    independent = known * functional.binary_cross_entropy_with_logits(
        sigmoid.float(), any_of.nan_to_num(0.0), reduction="none"
    )
    marks = INDEPENDENT * independent.sum(1).mean()
    return torch.stack(exclusive).sum() + marks + POINTS * point_loss(maps, points)


class Trainer:
    """The state of one training: network, optimiser, time spent."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.path = options.folder / "tagger.pt"
        self.net = TaggerNet().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimiser = torch.optim.AdamW(self.net.parameters(), PEAK_LR, weight_decay=0.02)
        self.step, self.spent_s = 0, 0.0
        if self.path.exists():
            self._load()
        elif options.start is not None:
            some = options.renders.pictures()[: options.renders.finished() : 200]
            restore(
                self.net, options.start, torch.from_numpy(some.copy()).permute(0, 3, 1, 2).float()
            )

    def _load(self) -> None:
        state = torch.load(self.path, weights_only=True)
        self.net.load_state_dict(state["net"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.spent_s = state["step"], state["spent_s"]

    def save(self) -> None:
        state = {
            "net": self.net.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "spent_s": self.spent_s,
        }
        partial = self.path.with_suffix(".part")
        torch.save(state, partial)
        partial.rename(self.path)

    def learn(self, batch: Pictures, pixels: Tensor, points: Tensor) -> float:
        """One step. The learning rate stays, then falls to nothing over the last `DECAY` of the
        time: a training may be given more time, or ended early, without a new schedule."""
        left = 1 - self.spent_s / (self.options.minutes * 60)
        warm = min(1.0, (self.step + 1) / WARMUP_STEPS)
        for group in self.optimiser.param_groups:
            group["lr"] = PEAK_LR * warm * max(0.01, min(1.0, left / DECAY))
        with torch.autocast("cpu", torch.bfloat16):
            outputs = self.net(pixels)
        loss = total_loss(outputs, batch, points)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimiser.step()
        self.step += 1
        return float(loss.detach())


def train(options: Options) -> None:
    """Train until the time is spent; pictures rendered meanwhile join now and then."""
    options.folder.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(options)
    while trainer.spent_s < options.minutes * 60:
        enough = options.available() + WORTH_RELOADING
        train_on(options.training(), trainer, enough)


def train_on(pictures: Pictures, trainer: Trainer, enough: int) -> None:
    """Train on these until ``enough`` are available to load them again, or the time is spent."""
    rng = np.random.default_rng(trainer.step)
    losses: list[float] = []
    saved = time.monotonic()
    last = time.process_time()
    for batch in batches(pictures, BATCH, rng):
        pixels, points = harder(batch, rng)
        losses.append(trainer.learn(batch, pixels, points))
        now, worked = time.monotonic(), time.process_time()
        trainer.spent_s += worked - last
        last = worked
        over = trainer.spent_s >= trainer.options.minutes * 60
        if over or now - saved > SAVE_EVERY_S:
            over = over or trainer.options.available() >= enough
            trainer.save()
            saved = now
            note(trainer, len(pictures), float(np.mean(losses)))
            losses.clear()
        if over:
            return


def note(trainer: Trainer, pictures: int, loss: float) -> None:
    """One line of the log."""
    line = {"step": trainer.step, "minutes": round(trainer.spent_s / 60, 1), "loss": round(loss, 4)}
    with (trainer.options.folder / "log.jsonl").open("a") as log:
        log.write(json.dumps({**line, "pictures": pictures}) + "\n")


def predict(net: torch.nn.Module, pictures: Pictures) -> tuple[Any, Any]:
    """Logits of plain pictures: float32 (n, softmax labels) and (n, sigmoid labels)."""
    net.eval()
    softmax, sigmoid = [], []
    with torch.inference_mode():
        for start in range(0, len(pictures), BATCH):
            pixels = torch.from_numpy(pictures.pixels[start : start + BATCH])
            outputs = net(pixels.permute(0, 3, 1, 2).float())
            softmax.append(outputs[0].numpy())
            sigmoid.append(outputs[1].numpy())
    return np.concatenate(softmax), np.concatenate(sigmoid)


def evaluate(options: Options, held_out: RenderSet, out: Path) -> dict[str, Any]:
    """Calibrate, report on people never seen, write the ONNX file and its labels."""
    trainer = Trainer(options)
    net = trainer.net
    fit = options.calibration()
    test = load(held_out, options.head_cache, np.arange(held_out.finished()))
    calibration = calibrate(*predict(net, fit), fit)
    figures = report(*predict(net, test), test, calibration)
    trained = {
        "steps": trainer.step,
        "batch": BATCH,
        "minutes": round(trainer.spent_s / 60, 1),
        "renders": options.renders.finished(),
        "held_out_renders": len(test),
    }
    export(net, calibration, {**trained, **figures}, out, SIZE)
    return {**trained, **figures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["twins", "painted", "train", "evaluate"])
    parser.add_argument("--renders", type=Path, default=Path("out/studio"), help="render sets")
    parser.add_argument("--head", type=Path, default=shipped_head())
    parser.add_argument("--count", type=int, default=30_000, help="size of the training set")
    parser.add_argument("--seed", type=int, default=1, help="seed of the training set")
    parser.add_argument("--held-out", type=int, default=600, help="size of the held-out set")
    parser.add_argument("--held-out-seed", type=int, default=99)
    parser.add_argument("--folder", type=Path, default=Path("out/tagger"), help="checkpoint, log")
    parser.add_argument("--studio", type=Path, default=Path("cluster/assets/studio"))
    parser.add_argument("--twins", type=int, default=3000, help="pictures through its autoencoder")
    parser.add_argument("--painted", type=int, default=1500, help="pictures that it paints over")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--start", type=Path, help="an ONNX file of the same trunk to begin with")
    parser.add_argument("--assets", type=Path, default=Path("cluster/assets/tagger"))
    args = parser.parse_args()
    renders = RenderSet(args.renders, args.count, SIZE, args.seed)
    held_out = RenderSet(args.renders, args.held_out, SIZE, args.held_out_seed)
    options = Options(renders, args.head, args.folder, args.minutes, args.threads, args.start)
    torch.set_num_threads(options.threads)
    if args.command == "twins":
        keep_twins(renders, args.studio / "vae", args.twins)
    elif args.command == "painted":
        keep_painted(renders, args.studio, args.painted)
    elif args.command == "train":
        train(options)
    else:
        figures = evaluate(options, held_out, args.assets)
        print(json.dumps(figures, indent=1))  # noqa: T201 - the command's answer
