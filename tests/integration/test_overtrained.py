"""An adapter that was really trained too long on too little is refused: it recites."""

import cv2
import numpy as np
import pytest

from cluster.codecs.images import decode_image
from cluster.domain.character import Character
from cluster.domain.learning.adapter import AdapterVersion
from cluster.providers.diffusers.folder import base_folder
from cluster.settings import ASSETS, Recipe, Settings
from cluster.store.blobs import Blobs
from training.data.captions import trigger_for
from training.gate.evaluate import judge
from training.gate.scenes import gate_scenes

KAIRO = ASSETS / "kairo"
SIDE_PX, STEPS = 128, 160
TRIGGER = trigger_for("kairo")
RECIPE = Recipe(
    layers="all",
    rank=16,
    alpha=16,
    learning_rate=3e-3,
    steps=STEPS,
    max_minutes=30,
    batch_size=4,
    warmup_steps=10,
    ema_decay=0.9,
    caption_dropout=0.2,
    probe_every=STEPS,
    probes=0,
)


@pytest.fixture
def kairo(settings: Settings) -> Character:
    blobs = Blobs(settings.store.blob_root)
    profile = Character.model_validate_json((KAIRO / "profile.json").read_text())
    references = (KAIRO / f"reference_{number}.png" for number in range(1, 9))
    return profile.model_copy(
        update={"references": tuple(blobs.put(one.read_bytes()) for one in references)}
    )


def reciting(character: Character) -> bytes:
    """An adapter that paints one reference, whatever it is asked for."""

    import torch

    from cluster.providers.diffusers.load import load_pipeline
    from training.lora.adapter_writer import AdapterHeader, adapter_bytes
    from training.lora.batch_sampler import BatchSampler
    from training.lora.families import denoiser_of
    from training.lora.latent_cache import CaptionedImages, LatentCache
    from training.lora.objectives import objective_of
    from training.lora.trainer import LoraTrainer

    base = base_folder("studio")
    denoiser = denoiser_of("sd", load_pipeline(base, torch.device("cpu")), base.component)
    picture = decode_image((KAIRO / "reference_1.png").read_bytes())
    small = cv2.resize(picture, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    words = [f"{TRIGGER}, {scene.title}" for scene in gate_scenes(character, [], 24)]
    own = LatentCache(denoiser, CaptionedImages(np.stack([small]), [words]))
    objective = objective_of(denoiser.pipe.scheduler, RECIPE.snr_gamma, tokens=256)
    sampler = BatchSampler(own, None, denoiser.encode_prompts([""])[0], objective, RECIPE)
    trainer = LoraTrainer(denoiser, sampler, RECIPE)
    for step in range(STEPS):
        trainer.loop.train_step(step)
    header = AdapterHeader(
        character_id=character.id,
        version=1,
        base_model=base.id,
        base_sha256=base.sha256,
        family="sd",
        component=base.component,
        manifest="0" * 64,
        trigger=TRIGGER,
        rank=RECIPE.rank,
        alpha=RECIPE.alpha,
        targets=tuple(trainer.targets),
        resolution_px=SIDE_PX,
        best_step=STEPS,
        idr_before=None,
        idr_after=None,
    )
    return adapter_bytes(trainer.factors(), header)


@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_copy_machine_that_was_trained_is_refused(settings: Settings, kairo: Character) -> None:
    sha256 = Blobs(settings.store.blob_root).put(reciting(kairo))
    challenger = AdapterVersion(
        character_id=kairo.id,
        version=1,
        sha256=sha256,
        base_model="cineai/studio",
        rank=RECIPE.rank,
        alpha=RECIPE.alpha,
        trigger=TRIGGER,
    )
    verdict = judge(challenger, None, kairo, settings)
    measures = {one.name: one for one in verdict.measures}
    assert not verdict.promoted
    assert measures["idr"].passed  # by identity alone it would have been promoted
    assert not measures["copy"].passed
    assert not measures["variety"].passed
    assert "copy" in verdict.reason
