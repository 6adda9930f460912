"""The gate: a challenger is promoted only when it is better than what is served now.

Both paint the same scenes from the same seeds. Promoted when the paired bootstrap says that the
IDR is better, and faces found, obedience to the prompt, variety and originality are no worse than
their margins allow; else refused, with the reason. Training looks at none of these scenes.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from cluster.codecs.images import decode_image, to_png
from cluster.domain.character import Character
from cluster.domain.learning.adapter import AdapterVersion
from cluster.domain.learning.training import GateVerdict, Measure
from cluster.domain.render import RenderOrder
from cluster.domain.value import Value
from cluster.errors import BadAdapter
from cluster.identity_judge import IdentityJudge
from cluster.ports import BlobStore, ImageModel, Pixels
from cluster.providers import image_model, model_profile, token_counter
from cluster.settings import GateSettings, Settings
from cluster.store.blobs import Blobs
from cluster.telemetry import logger
from training.data.curation import signature_of
from training.data.dataset import load_manifest
from training.gate.bootstrap import ENOUGH_SCENES, Numbers, PairedBootstrap
from training.gate.picture_scores import ScoredImage, Scorer, distances
from training.gate.scenes import GateScene, Prompter, gate_scenes
from training.gate.sheet import gate_sheet

OnJudged = Callable[[int, int], None]
"""Told of (pictures judged, pictures to judge)."""

log = logger(__name__)


class PictureReport(Value):
    """One picture of the gate. `image` is its blob."""

    image: str
    prompt: str
    idr: float | None
    reason: str
    adherence: float | None
    copy_score: float


class SceneReport(Value):
    title: str
    seed: int
    champion: PictureReport
    challenger: PictureReport


class GateReport(Value):
    """All that the decision was made from. Format 1 said `settings.batch` for `batch_size`."""

    format: int = 2
    character_id: str
    champion: str | None
    challenger: str
    promoted: bool
    reason: str
    settings: GateSettings
    model: str
    measures: tuple[Measure, ...]
    pass_rate: tuple[float, float]
    """Share of pictures from IDR 0.75 on: the champion's, the challenger's."""
    scenes: tuple[SceneReport, ...]


def judge(
    challenger: AdapterVersion,
    champion: AdapterVersion | None,
    character: Character,
    settings: Settings,
    on_judged: OnJudged | None = None,
) -> GateVerdict:
    """Decide whether `challenger` takes the place of `champion` (None: of no adapter).

    Loads its own image model, face encoder and tagger, and blocks for as long as they take.
    """
    blobs = Blobs(settings.store.blob_root)
    model = image_model(settings.generator, blobs)
    gate = Gate(model, IdentityJudge(settings), blobs, settings)
    return gate.judge(challenger, champion, character, on_judged or (lambda _done, _all: None))


class Gate:
    """`judge` with the models in hand."""

    def __init__(
        self, model: ImageModel, identity: IdentityJudge, blobs: BlobStore, settings: Settings
    ) -> None:
        self._model = model
        self._identity = identity
        self._blobs = blobs
        self._settings = settings.gate
        self._prompter = Prompter(
            model.capabilities.token_budget,
            token_counter(settings.generator),
            model_profile(settings).profile,
        )

    def judge(
        self,
        challenger: AdapterVersion,
        champion: AdapterVersion | None,
        character: Character,
        on_judged: OnJudged,
    ) -> GateVerdict:
        """Decide; a file that the model cannot use is refused like any other."""
        if self._settings.scenes < ENOUGH_SCENES:
            log.warning("gate.few_scenes", scenes=self._settings.scenes, enough=ENOUGH_SCENES)
        captions, known = self._trained_on(challenger, character)
        scenes = gate_scenes(character, captions, self._settings.scenes)
        scorer = Scorer(self._identity, character, [signature_of(pixels) for pixels in known])
        total = 2 * len(scenes)
        try:
            new = self._painted(
                scenes, character, challenger, scorer, lambda n: on_judged(n, total)
            )
        except BadAdapter as error:
            return GateVerdict(promoted=False, reason=f"file: {error.message}", scenes=0)
        old = self._painted(
            scenes, character, champion, scorer, lambda n: on_judged(len(scenes) + n, total)
        )
        measures = gate_measures([one for _, one in old], [one for _, one in new], self._settings)
        reason = "; ".join(refusal_reason(one) for one in measures if not one.passed)
        verdict = GateVerdict(
            promoted=not reason, reason=reason, measures=measures, scenes=len(scenes)
        )
        return self._reported(verdict, challenger, champion, character, scenes, old, new)

    def _trained_on(
        self, challenger: AdapterVersion, character: Character
    ) -> tuple[list[str], list[Pixels]]:
        """Captions, and pictures (uint8 RGB), that the challenger may know by heart."""
        digests = list(character.references)
        captions: list[str] = []
        if challenger.training is not None:
            samples = load_manifest(challenger.training.manifest, self._blobs).samples
            captions = [sample.caption for sample in samples]
            digests += [sha for one in samples for sha in (one.image, one.source)]
        return captions, [decode_image(self._blobs.get(sha)) for sha in dict.fromkeys(digests)]

    def _painted(
        self,
        scenes: Sequence[GateScene],
        character: Character,
        adapter: AdapterVersion | None,
        scorer: Scorer,
        report: Callable[[int], None],
    ) -> list[tuple[RenderOrder, ScoredImage]]:
        """Every scene with one adapter, or with none. Raises BadAdapter."""
        orders = [self._order(scene, character, adapter) for scene in scenes]
        found: list[tuple[RenderOrder, ScoredImage]] = []
        for start in range(0, len(orders), self._settings.batch_size):
            batch = orders[start : start + self._settings.batch_size]
            shown = self._model.render_batch(batch)
            for order, one, scene in zip(batch, shown, scenes[start:], strict=False):
                found.append((order, scorer.score(one.pixels, scene.state)))
            report(len(found))
        return found

    def _order(
        self, scene: GateScene, character: Character, adapter: AdapterVersion | None
    ) -> RenderOrder:
        trigger = adapter.trigger if adapter else None
        prompt, negative = self._prompter.prompts(scene, character, trigger)
        able = self._model.capabilities
        return RenderOrder(
            prompt=prompt,
            negative_prompt=negative,
            seed=scene.seed,
            adapter=adapter,
            references=character.references if able.references else (),
        )

    def _reported(
        self,
        verdict: GateVerdict,
        challenger: AdapterVersion,
        champion: AdapterVersion | None,
        character: Character,
        scenes: Sequence[GateScene],
        old: Sequence[tuple[RenderOrder, ScoredImage]],
        new: Sequence[tuple[RenderOrder, ScoredImage]],
    ) -> GateVerdict:
        """The verdict with its report and its sheet among the blobs."""
        pictures = [[self._picture(*one) for one in side] for side in (old, new)]
        rates = [float(np.mean([is_pass(one) for _, one in side])) for side in (old, new)]
        report = GateReport(
            character_id=character.id,
            champion=champion.id if champion else None,
            challenger=challenger.id,
            promoted=verdict.promoted,
            reason=verdict.reason,
            settings=self._settings,
            model=self._model.capabilities.model,
            measures=verdict.measures,
            pass_rate=(round(rates[0], 4), round(rates[1], 4)),
            scenes=tuple(
                SceneReport(title=scene.title, seed=scene.seed, champion=one, challenger=other)
                for scene, one, other in zip(scenes, *pictures, strict=True)
            ),
        )
        sheet = gate_sheet(
            f"{challenger.id} against {champion.id if champion else 'no adapter'}",
            "promoted" if verdict.promoted else f"refused: {verdict.reason}",
            verdict.measures,
            [scene.title for scene in scenes],
            ([one for _, one in old], [one for _, one in new]),
        )
        return verdict.model_copy(
            update={
                "report": self._blobs.put(report.model_dump_json(indent=1).encode()),
                "sheet": self._blobs.put(sheet),
            }
        )

    def _picture(self, order: RenderOrder, scored: ScoredImage) -> PictureReport:
        return PictureReport(
            image=self._blobs.put(to_png(scored.pixels)),
            prompt=order.prompt,
            idr=scored.idr,
            reason=scored.identity.reason,
            adherence=scored.adherence,
            copy_score=round(scored.copy_score, 4),
        )


def gate_measures(
    champion: Sequence[ScoredImage], challenger: Sequence[ScoredImage], settings: GateSettings
) -> tuple[Measure, ...]:
    """Every figure of the decision, for pictures of the same scenes.

    A picture without a face keeps nothing of the identity: its IDR counts as 0, and how many
    there are is a figure of its own.
    """
    old, new = list(champion), list(challenger)
    bootstrap = PairedBootstrap(len(old), settings.resamples, settings.confidence)
    found = [
        bootstrap.better("idr", _idrs(old), _idrs(new)),
        bootstrap.no_worse("face_found", _faces(old), _faces(new), settings.face_margin),
    ]
    obeyed = _known(one.adherence for one in old), _known(one.adherence for one in new)
    if len(obeyed[0]) == len(obeyed[1]) == len(old):
        found.append(bootstrap.no_worse("adherence", *obeyed, settings.adherence_margin))
    apart = distances(old), distances(new)
    found.append(bootstrap.no_less_varied("variety", *apart, settings.variety_margin))
    copies = _known(one.copy_score for one in old), _known(one.copy_score for one in new)
    found.append(bootstrap.no_worse("copy", *copies, settings.copy_margin, good="low"))
    return tuple(found)


def refusal_reason(measure: Measure) -> str:
    """Why a measure refuses, in words."""
    change = f"{measure.name} {measure.champion:.3f} to {measure.challenger:.3f}"
    bounds = f"interval of the difference {measure.low:+.3f} to {measure.high:+.3f}"
    if measure.name == "idr":
        return f"{change}: not surely better ({bounds})"
    return f"{change}: worse than its margin of {measure.margin:g}"


def is_pass(scored: ScoredImage) -> bool:
    return scored.identity.verdict == "pass"


def _known(scores: Iterable[float | None]) -> Numbers:
    return np.array([one for one in scores if one is not None], np.float64)


def _idrs(scored: Sequence[ScoredImage]) -> Numbers:
    return np.array([one.idr or 0.0 for one in scored], np.float64)


def _faces(scored: Sequence[ScoredImage]) -> Numbers:
    return np.array([one.idr is not None for one in scored], np.float64)
