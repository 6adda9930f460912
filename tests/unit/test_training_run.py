"""When a run looks, keeps, stops and saves; and what its looks are worth to it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cluster.domain.character import Character, CharacterId, Outfit, Profile
from cluster.settings import Recipe
from training.data.curation import copy_score, signature_of
from training.lora.probe import PictureScore, ProbeScore, probes_for
from training.schedule import Schedule

if TYPE_CHECKING:
    import torch

    from training.loop import State, TrainingStep
    from training.lora.run import Run


RECIPE = Recipe(
    layers="attention",
    rank=4,
    alpha=4,
    learning_rate=1e-3,
    steps=40,
    max_minutes=60,
    batch_size=4,
    probe_every=5,
    checkpoint_every=8,
    probes=2,
    patience=2,
)


class Counter:
    """Stands where the LoRA trainer stands, on the real loop: step n has the loss 1 / (n + 1), and
    the factors are the number of the last step. Its clock goes on by `step_s` a step."""

    def __init__(self, steps: int = RECIPE.steps, step_s: float = 1e-6) -> None:
        import torch

        from training.ema import Ema
        from training.loop import Budget, TrainingLoop

        self._step_s, self.now_s = step_s, 0.0
        weight = torch.nn.Parameter(torch.zeros(1))
        self.ema = Ema([weight], 0.9)
        self.loop = TrainingLoop(
            self.loss,
            torch.nn.ParameterList([weight]),
            torch.optim.SGD([weight], 1e-3),
            Budget(steps=steps),
            Schedule(),
            ema=self.ema,
            clock=lambda: self.now_s,
        )

    def loss(self, step: TrainingStep) -> torch.Tensor:
        self.now_s += self._step_s
        return (self.loop.weights[0] * 0 + 1.0 / (step.number + 1)).sum()

    @property
    def done(self) -> int:
        return self.loop.step

    def factors(self) -> dict[str, torch.Tensor]:
        import torch

        return {"step": torch.tensor(self.done)}


class Services:
    """Services that answer looks from a list of IDRs, and remember what they were told."""

    def __init__(self, idrs: list[float], until: int = 10**9) -> None:
        self._idrs, self._until = iter(idrs), until
        self.saved: list[State] = []
        self.told: list[int] = []

    def scores(self) -> list[PictureScore]:
        idr = next(self._idrs)
        return [PictureScore(idr=idr, adherence=0.9, copy_score=0.1)] * 2

    def agree(self, total: int) -> int:
        return total

    def save(self, state: State) -> None:
        self.saved.append(copy.deepcopy(state))

    def tell(self, step: int, total: int, loss: float, probe: ProbeScore | None) -> bool:
        self.told.append(step)
        return step < self._until


def run(services: Services, trainer: Counter | None = None, recipe: Recipe = RECIPE) -> Run:
    from training.lora.run import Run

    return Run(trainer or Counter(), recipe, services)  # type: ignore[arg-type]


def test_the_best_look_wins_and_not_the_last() -> None:
    services = Services([0.1, 0.3, 0.6, 0.5, 0.7, 0.65, 0.6])
    it = run(services)
    assert it.go()
    assert it.record.best_step == 20
    assert int(it.record.best["step"]) == 20
    assert it.record.winner is not None
    assert it.record.winner.idr == pytest.approx(0.7)
    assert it.record.first is not None
    assert it.record.first.idr == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("last", "wins"), [((0.9, 0.5, 0.4, 0.9), True), ((0.6, 0.6, 0.6, 0.6), False)]
)
def test_of_two_that_a_look_cannot_tell_apart_the_later_wins(
    last: tuple[float, ...], wins: bool
) -> None:
    """One is worse by .025 while its pictures disagree, the other by .1 in all of them."""

    def look(step: int, idrs: tuple[float, ...]) -> ProbeScore:
        scores = [PictureScore(idr=idr, adherence=0.9, copy_score=0.1) for idr in idrs]
        return ProbeScore.of(step, scores)

    base, best = look(0, (0.1, 0.1, 0.1, 0.1)), look(5, (0.7, 0.7, 0.7, 0.7))
    assert look(10, last).rivals(best, base) is wins


def test_it_stops_when_patience_is_over() -> None:
    services = Services([0.1, 0.3, 0.6, 0.5, 0.4])
    assert run(services).go()
    assert services.told[-1] == 20


def test_the_base_model_is_never_the_winner() -> None:
    services = Services([0.9, 0.3, 0.2, 0.1])
    it = run(services)
    it.go()
    assert it.record.best_step == 5


def test_without_looks_the_last_step_wins() -> None:
    it = run(Services([]), recipe=RECIPE.model_copy(update={"probes": 0}))
    it.go()
    assert int(it.record.best["step"]) == RECIPE.steps


def test_whoever_does_not_want_it_any_more_stops_it_with_a_checkpoint() -> None:
    services = Services([0.1, 0.2, 0.3], until=7)
    it = run(services)
    assert not it.go()
    assert services.saved[-1]["loop"]["step"] == 8


def test_a_checkpoint_carries_everything_that_decides_the_rest() -> None:
    idrs = [0.1, 0.3, 0.6, 0.5, 0.7, 0.65, 0.6]
    trainer, resumed = Counter(), Counter()
    whole = run(Services(idrs), trainer)
    whole.go()
    cut = Services(idrs)
    run(cut).go()
    at = next(i for i, one in enumerate(cut.saved) if one["loop"]["step"] == 10)
    rest = Services(idrs[3:])
    again = run(rest, resumed)
    assert again.restore(cut.saved[at])
    assert again.go()
    assert rest.told[0] == 11
    assert resumed.loop.losses == trainer.loop.losses
    assert again.record.best_step == whole.record.best_step
    assert again.record.probes == whole.record.probes


def test_a_checkpoint_of_an_earlier_version_starts_the_run_again() -> None:
    old = {
        "trainer": {"weights": [], "average": [], "optimiser": {}, "total": 40},
        "record": {"step": 10, "spent_s": 3.0, "losses": [0.1], "probes": [], "best": {}},
    }
    services = Services([0.1, 0.3, 0.6, 0.5, 0.4])
    it = run(services)
    assert not it.restore(old)
    assert it.go()
    assert services.told[0] == 1


def test_a_slow_machine_makes_fewer_steps_in_the_same_time() -> None:
    recipe = RECIPE.model_copy(update={"max_minutes": 0.02, "probes": 0, "steps": 1000})
    trainer = Counter(1000, step_s=0.02)
    assert run(Services([]), trainer, recipe).go()
    assert 50 <= trainer.done <= 60
    assert trainer.now_s == pytest.approx(1.2, abs=0.2)


class Tiring(Counter):
    """Its steps take ten times as long as the first ones."""

    def loss(self, step: TrainingStep) -> torch.Tensor:
        self._step_s = 0.002 if step.number < 10 else 0.02
        return super().loss(step)


def test_a_machine_that_becomes_slow_is_not_given_more_time() -> None:
    recipe = RECIPE.model_copy(update={"max_minutes": 0.02, "steps": 1000, "probe_every": 1000})
    trainer, services = Tiring(1000), Services([0.1, 0.5])
    it = run(services, trainer, recipe)
    assert it.go()
    assert trainer.done < 80  # in 1.2 s; some 500 were planned
    assert it.record.best_step == trainer.done == services.told[-1]
    assert services.saved[-1]["total_steps"] == trainer.done


def test_however_slow_it_is_an_adapter_gets_its_fewest_steps() -> None:
    recipe = RECIPE.model_copy(update={"max_minutes": 1e-6, "probes": 0, "min_steps": 12})
    trainer = Counter(1000, step_s=1.0)
    assert run(Services([]), trainer, recipe).go()
    assert trainer.done == 12


def scores(idr: float | None, adherence: float = 0.9, copied: float = 0.2) -> ProbeScore:
    return ProbeScore.of(1, [PictureScore(idr=idr, adherence=adherence, copy_score=copied)])


def test_a_picture_without_a_face_counts_as_nobody() -> None:
    half = [PictureScore(idr=one, adherence=None, copy_score=0.0) for one in (0.8, None)]
    assert ProbeScore.of(1, half).idr == pytest.approx(0.4)
    assert scores(None).idr is None


def test_copying_and_disobedience_cost_more_than_they_gain() -> None:
    base = scores(0.2)
    honest = scores(0.7).merit(base)
    assert scores(0.75, adherence=0.5).merit(base) < honest
    assert scores(0.8, copied=1.0).merit(base) < honest
    assert scores(0.7, adherence=0.85, copied=0.8).merit(base) == honest


def test_a_picture_is_a_copy_of_itself_and_not_of_another() -> None:
    dice = np.random.default_rng(0)
    one, other = (
        dice.integers(0, 256, (9, 9, 3), np.uint8).repeat(8, 0).repeat(8, 1) for _ in "ab"
    )
    assert (
        copy_score(signature_of(one), [signature_of(other), signature_of(np.roll(one, 1, 0))])
        == 1.0
    )
    assert copy_score(signature_of(one), [signature_of(other)]) < 0.5
    assert copy_score(signature_of(one), []) == 0.0


def test_probes_are_the_same_every_time_and_name_the_actor() -> None:
    ada = Character(
        id=CharacterId("ada"),
        name="Ada",
        profile=Profile(outfit=Outfit(garment="cloak", colour="red")),
    )
    probes = probes_for(ada, "moqik", "tan skin", 6)
    assert probes == probes_for(ada, "moqik", "tan skin", 6)
    assert all("of moqik a person, tan skin, " in probe.prompt for probe in probes)
    assert sum("red cloak" in probe.prompt for probe in probes) >= 3
    assert len({probe.state.place for probe in probes}) > 2
