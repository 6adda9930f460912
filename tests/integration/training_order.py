"""An order that can be trained in seconds: Kairo's references on a tiny random pipeline.

`python -m tests.integration.training_order <home> <run_id>` carries it out in a Ray cluster of its
own and prints each step: a driver that can be killed.
"""

import json
import sys
from pathlib import Path

from cluster import providers
from cluster.domain.character import Character
from cluster.domain.learning.training import Progress, TrainingOrder
from cluster.errors import NotFound
from cluster.launch import local_ray
from cluster.settings import ASSETS, GeneratorSettings, Settings, StoreSettings, TrainingSettings
from cluster.store import Store
from training.data import dataset
from training.data.captions import trigger_for

STEPS = 12
RECIPE: dict[str, bool | int | float | str] = {
    "steps": STEPS,
    "min_steps": 1,
    "batch_size": 4,
    "rank": 4,
    "alpha": 4,
    "learning_rate": 5e-3,
    "warmup_steps": 2,
    "probes": 0,
    "probe_every": 6,
    "checkpoint_every": 3,
    "prior_share": 0,
    "caption_dropout": 0,
}


def settings_in(home: Path, workers: int = 1, **recipe: bool | int | float | str) -> Settings:
    from tests.tiny_pipelines import save, sd15

    base = save(sd15, home / "sd15")
    return Settings(
        store=StoreSettings(home=home),
        generator=GeneratorSettings(model=str(base), device="cpu", steps=2),
        training=TrainingSettings(
            workers=workers, threads=1, report_every=1, recipe=RECIPE | recipe
        ),
    )


def order_in(settings: Settings, run_id: str) -> TrainingOrder:
    """The order on Kairo's training set, which is made when it is not there."""
    store = Store.open(settings.store)
    folder = ASSETS / "kairo"
    references = tuple(
        store.blobs.put(path.read_bytes()) for path in sorted(folder.glob("reference_*.png"))
    )
    profile = json.loads((folder / "profile.json").read_text())
    kairo = Character.model_validate(profile | {"references": references})
    try:
        store.characters.get(kairo.id)
    except NotFound:
        store.characters.add(kairo)
    digest, manifest = dataset.build_dataset(
        kairo,
        dataset.source_images(kairo, []),
        store.blobs,
        providers.face_encoder(settings.identity),
        64,
        providers.picture_tagger(),
    )
    store.close()
    assert manifest.samples, manifest.dropped
    return TrainingOrder(
        run_id=run_id,
        character_id=kairo.id,
        version=1,
        manifest=digest,
        trigger=trigger_for(kairo.id),
    )


def _told(news: Progress) -> None:
    print(json.dumps([news.step, news.loss]), flush=True)  # noqa: T201 - read by the test


def main() -> None:
    from training.lora.ray_train import train_lora

    settings = settings_in(Path(sys.argv[1]))
    order = order_in(settings, sys.argv[2])
    with local_ray(num_cpus=4):
        train_lora(order, settings, _told)


if __name__ == "__main__":
    main()
