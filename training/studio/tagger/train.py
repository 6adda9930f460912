"""Train, judge and export the tagger: `... tagger reconstructions | painted | train | evaluate`.

`reconstructions` passes renders through the trained autoencoder, `painted` lets the trained model
paint over them, both for `train` to mix in. Training stops after --minutes of processor time, keeps
a checkpoint and goes on from it when it is started again with more minutes; pictures made meanwhile
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

from training.loop import Budget, TrainingLoop, TrainingStep
from training.schedule import Schedule
from training.studio.base.renders import RenderSet
from training.studio.renderer.render import shipped_head
from training.studio.stage_run import read_checkpoint, run_stage
from training.studio.tagger.augmentation import augment
from training.studio.tagger.data import (
    SIZE,
    LabelledPictures,
    batch_of,
    is_for_calibration,
    join,
    keep_reconstructions,
    load_painted,
    load_pictures,
    load_reconstructions,
    picture_count,
    reconstructions_path,
)
from training.studio.tagger.export import export_onnx
from training.studio.tagger.heads import IGNORE, SOFTMAX
from training.studio.tagger.net import FINE, TaggerNet
from training.studio.tagger.painted import keep_painted, painted_path
from training.studio.tagger.report import calibrate_heads, figures_of
from training.studio.tagger.warm_start import restore

BATCH_SIZE = 32
LEARNING_RATE = 1.5e-3
SCHEDULE = Schedule(warmup_steps=200, plateau=0.5, floor=0.01)
INDEPENDENT, POINTS = 2.0, 0.3
"""Weights of marks, injuries and props (each shows in few pictures), and of keypoints."""
RELOAD_EVERY, WORTH_RELOADING = 100, 1000
"""Steps between two looks for new pictures, and how many are worth loading all again."""


@dataclass(frozen=True)
class TaggerPlan:
    """Where the renders are, where the checkpoint goes, and what may be spent."""

    renders: RenderSet
    head_cache: Path
    folder: Path
    minutes: float
    threads: int
    start: Path | None

    def available(self) -> int:
        """How many pictures there are by now, of all kinds."""
        made = reconstructions_path(self.renders), painted_path(self.renders)
        return self.renders.finished() + sum(picture_count(path) for path in made)

    def training(self) -> LabelledPictures:
        """What is there so far, (n, 128, 128, 3), without the actors kept for calibration."""
        indices = np.arange(self.renders.finished())
        plain = load_pictures(self.renders, self.head_cache, indices[~is_for_calibration(indices)])
        every = join(plain, load_reconstructions(self.renders, self.head_cache))
        return join(every, load_painted(self.renders, self.head_cache))

    def calibration(self) -> LabelledPictures:
        """What is there so far of the actors kept for calibration, (n, 128, 128, 3)."""
        indices = np.arange(self.renders.finished())
        return load_pictures(self.renders, self.head_cache, indices[is_for_calibration(indices)])


def point_loss(maps: Tensor, points: Tensor) -> Tensor:
    """Cross-entropy of each keypoint's heat map with a Gaussian of one cell about the truth.

    ``maps`` (n, 11, 32, 32) logits, ``points`` (n, 11, 2), those outside of [0, 1] or NaN left out.
    """
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


def total_loss(
    outputs: tuple[Tensor, Tensor, Tensor], batch: LabelledPictures, points: Tensor
) -> Tensor:
    """Sum over heads: cross-entropy of exclusive labels, binary of independent ones, keypoints.

    ``outputs`` as of `TaggerNet`, ``points`` (n, 11, 2) in [0, 1]; a scalar.
    """
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


class TaggerTask:
    """The loss of a step: a shuffled batch of what has been rendered so far, augmented."""

    def __init__(self, plan: TaggerPlan, net: TaggerNet) -> None:
        self._plan, self._net = plan, net
        self._load()

    def _load(self) -> None:
        self._enough = self._plan.available() + WORTH_RELOADING
        self._pictures = self._plan.training()

    def loss(self, step: TrainingStep) -> Tensor:
        """The step's loss, a scalar. Pictures that were rendered meanwhile join now and then."""
        if step.number % RELOAD_EVERY == 0 and self._plan.available() >= self._enough:
            self._load()
        batch = batch_of(self._pictures, step.number, BATCH_SIZE)
        pixels, points = augment(batch, step.rng)
        with torch.autocast("cpu", torch.bfloat16):
            outputs = self._net(pixels)
        return total_loss(outputs, batch, points)


def train_tagger(plan: TaggerPlan) -> None:
    """Train until the time is spent; a second call goes on, also with more minutes."""
    net = TaggerNet().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if plan.start is not None:
        some = plan.renders.pictures()[: plan.renders.finished() : 200]
        pixels = torch.from_numpy(some.copy()).permute(0, 3, 1, 2).float()
        restore(net, plan.start, pixels)
    loop = TrainingLoop(
        TaggerTask(plan, net.train()).loss,
        net,
        torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=0.02),
        Budget(seconds=plan.minutes * 60),
        SCHEDULE,
        max_grad_norm=5.0,
        clock=time.process_time,  # the renderer may work beside it
    )
    run_stage("tagger", plan.folder, loop)


def predict(net: torch.nn.Module, pictures: LabelledPictures) -> tuple[Any, Any]:
    """Logits of plain pictures: float32 (n, softmax labels) and (n, sigmoid labels)."""
    net.eval()
    softmax, sigmoid = [], []
    with torch.inference_mode():
        for start in range(0, len(pictures), BATCH_SIZE):
            pixels = torch.from_numpy(pictures.pixels[start : start + BATCH_SIZE])
            outputs = net(pixels.permute(0, 3, 1, 2).float())
            softmax.append(outputs[0].numpy())
            sigmoid.append(outputs[1].numpy())
    return np.concatenate(softmax), np.concatenate(sigmoid)


def evaluate_tagger(plan: TaggerPlan, held_out: RenderSet, out: Path) -> dict[str, Any]:
    """Calibrate, report on people never seen, write the ONNX file and its labels.

    Raises FileNotFoundError without a checkpoint.
    """
    state = read_checkpoint("tagger", plan.folder)
    if state is None:
        raise FileNotFoundError(f"{plan.folder} holds no trained tagger: run `train` first")
    net = TaggerNet()
    net.load_state_dict(state["model"])
    fit = plan.calibration()
    test = load_pictures(held_out, plan.head_cache, np.arange(held_out.finished()))
    calibration = calibrate_heads(*predict(net, fit), fit)
    figures = figures_of(*predict(net, test), test, calibration)
    trained = {
        "steps": state["step"],
        "batch": BATCH_SIZE,
        "minutes": round(state["spent_s"] / 60, 1),
        "renders": plan.renders.finished(),
        "held_out_renders": len(test),
    }
    export_onnx(net, calibration, {**trained, **figures}, out, SIZE)
    return {**trained, **figures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["reconstructions", "painted", "train", "evaluate"])
    parser.add_argument("--renders", type=Path, default=Path("out/studio"), help="render sets")
    parser.add_argument("--head", type=Path, default=shipped_head())
    parser.add_argument("--count", type=int, default=30_000, help="size of the training set")
    parser.add_argument("--seed", type=int, default=1, help="seed of the training set")
    parser.add_argument("--held-out", type=int, default=600, help="size of the held-out set")
    parser.add_argument("--held-out-seed", type=int, default=99)
    parser.add_argument("--folder", type=Path, default=Path("out/tagger"), help="checkpoint, log")
    parser.add_argument("--studio", type=Path, default=Path("cluster/assets/studio"))
    parser.add_argument(
        "--reconstructions", type=int, default=3000, help="pictures through its autoencoder"
    )
    parser.add_argument("--painted", type=int, default=1500, help="pictures that it paints over")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--start", type=Path, help="an ONNX file of the same trunk to begin with")
    parser.add_argument("--assets", type=Path, default=Path("cluster/assets/tagger"))
    args = parser.parse_args()
    renders = RenderSet(args.renders, args.count, SIZE, args.seed)
    held_out = RenderSet(args.renders, args.held_out, SIZE, args.held_out_seed)
    plan = TaggerPlan(renders, args.head, args.folder, args.minutes, args.threads, args.start)
    torch.set_num_threads(plan.threads)
    if args.command == "reconstructions":
        keep_reconstructions(renders, args.studio / "vae", args.reconstructions)
    elif args.command == "painted":
        keep_painted(renders, args.studio, args.painted)
    elif args.command == "train":
        train_tagger(plan)
    else:
        figures = evaluate_tagger(plan, held_out, args.assets)
        print(json.dumps(figures, indent=1))  # noqa: T201 - the command's answer
