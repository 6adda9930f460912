"""How a model wants to be used is read from its folder: never from its name or where it lies."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from safetensors.numpy import save

from cluster.codecs.adapter_file import check_fits, read_adapter
from cluster.domain.character import Character, CharacterId, Profile
from cluster.domain.model_profile import ModelProfile
from cluster.domain.story.scene import SceneRequest, StoryId
from cluster.domain.story.state import StoryState
from cluster.domain.story.world import WorldState
from cluster.errors import BadAdapter, Invalid, ProviderMissing
from cluster.providers import model_profile
from cluster.providers.diffusers.folder import BaseFolder, base_folder
from cluster.providers.diffusers.profile import DECLARABLE, read_profile
from cluster.settings import ASSETS, GeneratorSettings, LearnerSettings, Settings, TrainingSettings
from serve.replicas.prompt_engine import PromptEngine
from tests.handles import started
from training.lora.preflight import check, faults
from training.lora.presets import PRESETS, recipe_for

EULER = {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "leading"}
FLOW = {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0}
VAE8 = {"block_out_channels": [128, 256, 512, 512]}
VAE_QWEN = {"temperal_downsample": [False, True, True]}


def write(folder: Path, pipeline: str, **parts: Mapping[str, object]) -> Path:
    """A diffusers folder as far as its configuration: `unet={...}`, `scheduler={...}` and so on."""
    folder.mkdir(exist_ok=True)
    (folder / "model_index.json").write_text(json.dumps({"_class_name": pipeline}))
    for part, config in parts.items():
        name = "scheduler_config" if part == "scheduler" else "config"
        name = "tokenizer_config" if part.startswith("tokenizer") else name
        (folder / part).mkdir()
        (folder / part / f"{name}.json").write_text(json.dumps(config))
    return folder


def sdxl(folder: Path, **declared: object) -> Path:
    """An SDXL base, with a `cineai.json` where something is declared."""
    write(
        folder,
        "StableDiffusionXLPipeline",
        unet={"sample_size": 128, "cross_attention_dim": 2048},
        scheduler=EULER,
        vae=VAE8,
        tokenizer={"model_max_length": 77},
        tokenizer_2={"model_max_length": 77},
    )
    weights = {"mid.attn1.to_q.weight": np.ones((8, 8), np.float32)}
    (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(save(weights))
    if declared:
        (folder / "cineai.json").write_text(json.dumps(declared))
    return folder


def of(folder: Path) -> ModelProfile:
    return read_profile(folder).profile


def using(folder: Path, **more: object) -> Settings:
    return Settings(generator=GeneratorSettings.model_validate({"model": str(folder)} | more))


@pytest.mark.parametrize(
    ("pipeline", "parts", "name", "steps", "guidance", "side_px", "tokens"),
    [
        (
            "StableDiffusionPipeline",
            {"unet": {"sample_size": 64, "cross_attention_dim": 768}, "scheduler": EULER,
             "tokenizer": {"model_max_length": 77}},
            "sd1", 50, 7.5, 512, 77,
        ),
        (
            "StableDiffusionPipeline",
            {"unet": {"sample_size": 96, "cross_attention_dim": 1024}, "scheduler": EULER},
            "sd2", 50, 7.5, 768, 512,
        ),
        (
            "StableDiffusionPipeline",
            {"unet": {"sample_size": 64, "cross_attention_dim": 1024},
             "scheduler": EULER | {"timestep_spacing": "trailing"}},
            "sd-turbo", 4, 0.0, 512, 512,
        ),
        (
            "StableDiffusionXLPipeline",
            {"unet": {"sample_size": 128}, "scheduler": EULER},
            "sdxl", 50, 5.0, 1024, 512,
        ),
        (
            "StableDiffusionXLPipeline",
            {"unet": {"sample_size": 64},
             "scheduler": {"_class_name": "EulerAncestralDiscreteScheduler",
                           "timestep_spacing": "trailing"}},
            "sdxl-turbo", 4, 0.0, 512, 512,
        ),
        (
            "StableDiffusion3Pipeline",
            {"transformer": {"sample_size": 128, "num_layers": 24}, "scheduler": FLOW},
            "sd3", 28, 7.0, 1024, 256,
        ),
        (
            "StableDiffusion3Pipeline",
            {"transformer": {"sample_size": 128, "num_layers": 24, "qk_norm": "rms_norm"}},
            "sd3.5-medium", 40, 4.5, 1024, 256,
        ),
        (
            "StableDiffusion3Pipeline",
            {"transformer": {"sample_size": 128, "num_layers": 38, "qk_norm": "rms_norm"}},
            "sd3.5-large", 28, 3.5, 1024, 256,
        ),
        (
            "FluxPipeline",
            {"transformer": {"guidance_embeds": True}, "tokenizer": {"model_max_length": 77},
             "tokenizer_2": {"model_max_length": 512}},
            "flux-dev", 50, 3.5, 1024, 512,
        ),
        (
            "FluxPipeline", {"transformer": {"guidance_embeds": False}},
            "flux-schnell", 4, 0.0, 1024, 256,
        ),
        (
            "QwenImagePipeline", {"transformer": {}, "vae": VAE_QWEN},
            "qwen-image", 50, 4.0, 1024, 512,
        ),
        (
            "ZImagePipeline", {"transformer": {}, "scheduler": FLOW},
            "z-image-turbo", 8, 0.0, 1024, 512,
        ),
        (
            "ZImagePipeline", {"transformer": {}, "scheduler": FLOW | {"shift": 6.0}},
            "z-image", 50, 4.0, 1024, 512,
        ),
        ("WanPipeline", {"transformer": {}}, "WanPipeline", 50, 5.0, 1024, 512),
    ],
    ids=lambda value: value if isinstance(value, str) and not value.endswith("line") else "",
)  # fmt: skip
def test_a_family_brings_what_it_has_published(
    tmp_path: Path, pipeline: str, parts: dict[str, Mapping[str, object]], name: str, steps: int,
    guidance: float, side_px: int, tokens: int,
) -> None:  # fmt: skip
    found = of(write(tmp_path / "m", pipeline, **{"vae": VAE8, **parts}))
    assert (found.name, found.steps, found.guidance) == (name, steps, guidance)
    assert (found.width_px, found.height_px, found.training_resolution_px) == (side_px,) * 3
    assert (found.token_budget, found.dialect) == (tokens, "prose")


def test_a_family_that_is_not_guided_has_no_negative_prompt(tmp_path: Path) -> None:
    turbo = EULER | {"_class_name": "EulerAncestralDiscreteScheduler"}
    turbo["timestep_spacing"] = "trailing"
    assert "blurry" in of(sdxl(tmp_path / "base")).negative_prompt
    fast = write(tmp_path / "turbo", "StableDiffusionXLPipeline", unet={}, scheduler=turbo)
    assert of(fast).negative_prompt == ""


def test_whoever_sets_only_an_sdxl_folder_paints_and_trains_as_sdxl_does(tmp_path: Path) -> None:
    settings = using(sdxl(tmp_path / "mine"))
    found = model_profile(settings).profile
    assert (found.steps, found.guidance, found.guidance_start_lora) == (50, 5.0, 0.0)
    assert (found.width_px, found.training_resolution_px) == (1024, 1024)
    assert found.training_preset == "sdxl"
    base = base_folder(settings.generator.model)
    assert recipe_for(base, settings.training) == PRESETS["sdxl"]
    assert list(faults(settings)) == []


def test_a_setting_overrides_a_single_field_and_is_named_as_its_source(tmp_path: Path) -> None:
    folder = sdxl(tmp_path / "mine", steps=30, licence="mine")
    settings = Settings(
        generator=GeneratorSettings(model=str(folder), guidance=6.5, negative_prompt=""),
        learner=LearnerSettings(resolution_px=768),
    )
    found = model_profile(settings)
    own = base_folder(str(folder)).profile.profile
    changed = {"guidance": 6.5, "negative_prompt": "", "training_resolution_px": 768}
    assert found.profile == own.model_copy(update=changed)
    assert {name for name, source in found.sources.items() if source == "setting"} == set(changed)
    sources = [found.sources[name] for name in ("steps", "licence", "width_px", "dialect")]
    assert sources == ["cineai.json", "cineai.json", "folder", "family"]
    assert found.sources.keys() == ModelProfile.model_fields.keys()


@pytest.mark.parametrize(
    ("declared", "named"),
    [
        ({"stepps": 4}, "stepps"),
        ({"family": "flux"}, "family"),
        ({"steps": "12"}, "steps"),
        ({"steps": 0}, "steps"),
        ({"guidance": True}, "guidance"),
        ({"dialect": "poetry"}, "dialect"),
        ({"licence": 1}, "licence"),
        ({"training_preset": "sd9"}, "training_preset"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_profile_file_is_refused_by_name(
    tmp_path: Path, declared: dict[str, object], named: str
) -> None:
    folder = sdxl(tmp_path / "mine", **declared)
    with pytest.raises(ProviderMissing, match=rf"cineai\.json: .*{named}") as refused:
        read_profile(folder)
    assert refused.value.advice


@pytest.mark.parametrize("content", ["{", "[]", "\xff"])
def test_a_profile_file_that_is_no_object_is_refused_by_name(tmp_path: Path, content: str) -> None:
    folder = sdxl(tmp_path / "mine")
    (folder / "cineai.json").write_bytes(content.encode("latin1"))
    with pytest.raises(ProviderMissing, match=r"cineai\.json"):
        read_profile(folder)


def test_a_profile_file_may_say_all_that_the_folder_does_not(tmp_path: Path) -> None:
    told = of(sdxl(tmp_path / "one")).model_dump()
    declared = {name: told[name] for name in DECLARABLE}
    assert of(sdxl(tmp_path / "two", **declared)).model_dump() == told


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlicense: openrail++\n---\n# SDXL", "openrail++"),
        ("---\nlicense: other\nlicense_name: flux-1-dev\n---\n", "flux-1-dev"),
        ("# no front matter", None),
        ("---\n: [\n---\n", None),
    ],
)
def test_the_licence_is_that_of_the_model_card(
    tmp_path: Path, card: str, licence: str | None
) -> None:
    folder = sdxl(tmp_path / "mine")
    (folder / "README.md").write_text(card)
    assert of(folder).licence == licence


def test_the_embedded_model_says_what_its_training_writes() -> None:
    from training.studio.base.unet import PROFILE

    assert json.loads((ASSETS / "studio" / "cineai.json").read_text()) == PROFILE
    found = model_profile(Settings()).profile
    assert (found.width_px, found.token_budget, found.side_multiple_px) == (128, 64, 4)
    assert (found.training_resolution_px, found.references) == (128, True)
    assert found.domain == "studio"


@pytest.fixture
def copy(tmp_path: Path) -> BaseFolder:
    """The embedded model somewhere else, under another name."""
    folder = tmp_path / "renamed" / "copy"
    shutil.copytree(ASSETS / "studio", folder)
    return base_folder(str(folder))


async def test_a_copied_folder_is_the_same_model(copy: BaseFolder) -> None:
    named = base_folder("studio")
    assert (copy.profile, copy.id) == (named.profile, named.id)
    assert copy.id == f"cineai/studio@{copy.sha256[:12]}"

    kairo = Character(id=CharacterId("kairo"), name="Kairo", profile=Profile(gender="man"))
    story = StoryId("s")
    request = SceneRequest(character_id=kairo.id, prompt="Kairo walks at dawn", story_id=story)
    world = WorldState(character_id=kairo.id, story_id=story)
    told = StoryState()
    plans = [
        await started(PromptEngine(settings)).plan(kairo, request, world, told, "kairo", (), 64)
        for settings in (Settings(), using(copy.folder))
    ]
    assert plans[0] == plans[1]
    assert plans[0].negative_prompt == ""


def test_a_copied_folder_takes_kairos_adapter_and_others_do_not(
    copy: BaseFolder, tmp_path: Path
) -> None:
    kairo = read_adapter((ASSETS / "kairo" / "char_kairo_v1.safetensors").read_bytes())
    assert kairo.base_model == "cineai/studio"  # as ids were before they had digests
    check_fits(kairo, copy.layers, lambda: copy.sha256)
    other = BaseFolder(sdxl(tmp_path / "studio"))  # by name it would be the same
    with pytest.raises(BadAdapter, match="other weights"):
        check_fits(kairo, other.layers, lambda: other.sha256)


def test_an_adapter_that_names_no_weights_goes_by_every_name_of_the_model(tmp_path: Path) -> None:
    base = BaseFolder(sdxl(tmp_path / "mine"), hub_id="acme/xl")
    assert base.known_as == {base.id, "mine", "acme/xl"}
    assert base.id.startswith("sdxl@")


def test_everything_that_does_not_go_together_is_told_at_once(tmp_path: Path) -> None:
    settings = Settings(
        generator=GeneratorSettings(model=str(sdxl(tmp_path / "mine")), adapter_max_rank=8),
        learner=LearnerSettings(resolution_px=2048),
        training=TrainingSettings(recipe={"steps": 100}, workers=8),
    )
    with pytest.raises(Invalid) as refused:
        check(settings)
    lines = refused.value.message.splitlines()
    assert len(lines) == 5  # a head line, and one for each fault
    for told in ("learner.resolution_px: 2048 px", "'sdxl': rank", "recipe.steps: 100", "workers"):
        assert sum(told in line for line in lines) == 1


def test_a_size_that_the_vae_cannot_make_is_refused_at_start(tmp_path: Path) -> None:
    folder = write(tmp_path / "f", "FluxPipeline", transformer={}, vae=VAE8)
    settings = using(folder).model_copy(update={"learner": LearnerSettings(resolution_px=520)})
    (fault,) = faults(settings)
    assert fault.setting == "learner.resolution_px"
    assert "multiple of 16" in fault.what


def test_a_model_that_is_not_there_is_the_only_fault(tmp_path: Path) -> None:
    (fault,) = faults(using(tmp_path / "nowhere", adapter_max_rank=1))
    assert fault.setting == "generator.model"


def test_a_profile_that_could_not_be_true_is_refused_with_the_settings(tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        model_profile(using(sdxl(tmp_path / "mine"), steps=0))
