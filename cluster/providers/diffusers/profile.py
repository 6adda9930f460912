"""Reads a model's profile from its diffusers folder, without torch: from JSON files alone."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import huggingface_hub
import yaml
from pydantic import ValidationError

from cluster.domain.model_families import PIPELINES, PRESETS, variant_of
from cluster.domain.model_profile import Family, ModelProfile, SourcedProfile
from cluster.errors import ProviderMissing
from cluster.settings import GeneratorSettings, LearnerSettings

PROFILE_FILE = "cineai.json"
IMAGE_PROMPT_FILE = Path("ip_adapter", "ip_adapter.safetensors")
DECLARABLE = tuple(
    name
    for name in ModelProfile.model_fields
    if name not in {"family", "scheduler", "side_multiple_px", "references"}
)
"""What a `cineai.json` may say. It could only contradict the folder's own files in the rest."""

UNKNOWN_SAMPLE_SIZE = 128
"""Latents a side of models whose configuration names none: diffusers assumes as much."""
UNKNOWN_VAE_SCALE = 8
TRANSFORMER_PATCH = 2
"""Transformers take latents in squares of this side."""
UNLIMITED_TOKENS = 1_000_000
"""Tokenizers without a limit report some 10**30."""


class FolderConfig(NamedTuple):
    """The JSON files of a diffusers folder that say what kind of model lies in it."""

    folder: Path
    family: Family
    is_unet: bool
    denoiser: dict[str, Any]
    scheduler: dict[str, Any]
    vae: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> "FolderConfig":
        """Raises ProviderMissing, naming the file, for one that is no JSON object."""
        is_unet = (folder / "unet").is_dir()
        return cls(
            folder=folder,
            family=PIPELINES.get(pipeline_class(folder), "other"),
            is_unet=is_unet,
            denoiser=_config(folder / ("unet" if is_unet else "transformer") / "config.json"),
            scheduler=_config(folder / "scheduler" / "scheduler_config.json"),
            vae=_config(folder / "vae" / "config.json"),
        )

    @property
    def vae_scale(self) -> int:
        """Pixels a side of one latent, as the pipelines compute it."""
        if "temperal_downsample" in self.vae:  # Qwen-Image's; diffusers spells it so
            return int(2 ** len(self.vae["temperal_downsample"]))
        if "block_out_channels" in self.vae:
            return int(2 ** (len(self.vae["block_out_channels"]) - 1))
        return UNKNOWN_VAE_SCALE

    @property
    def own_size_px(self) -> tuple[int, int]:
        """(width, height) that the model was made for."""
        sample = self.denoiser.get("sample_size") or UNKNOWN_SAMPLE_SIZE
        height, width = (sample, sample) if isinstance(sample, int) else sample
        return width * self.vae_scale, height * self.vae_scale

    @property
    def longest_prompt(self) -> int | None:
        """Tokens that the longest-reading of its tokenizers takes; None: as many as one likes."""
        files = sorted(self.folder.glob("tokenizer*/tokenizer_config.json"))
        limits = [int(_config(file).get("model_max_length", UNLIMITED_TOKENS)) for file in files]
        longest = max(limits, default=UNLIMITED_TOKENS)
        return longest if longest < UNLIMITED_TOKENS else None

    @property
    def licence(self) -> str | None:
        """What the front matter of the folder's README.md, a model card, calls it."""
        card = self.folder / "README.md"
        try:
            told = huggingface_hub.metadata_load(card) if card.is_file() else None
        except (OSError, ValueError, yaml.YAMLError):
            return None  # a README of another kind
        found = (told or {}).get("license_name") or (told or {}).get("license")
        return str(found) if found else None


def pipeline_class(folder: Path) -> str:
    """The class that model_index.json names; empty where it names none. Raises ProviderMissing."""
    return str(_config(folder / "model_index.json").get("_class_name", ""))


def read_profile(folder: Path) -> SourcedProfile:
    """The profile of the model in `folder`: what its family published, under what the folder's
    configuration says, under its `cineai.json`.

    Raises ProviderMissing, naming the file, for one that cannot be read or cannot be true.
    """
    config = FolderConfig.read(folder)
    published, found = _published(config), _found(config)
    own = SourcedProfile(
        profile=ModelProfile.model_validate(published | found, strict=True),
        sources={**dict.fromkeys(published, "family"), **dict.fromkeys(found, "folder")},
    )
    file = folder / PROFILE_FILE
    declared = _config(file)
    if unknown := sorted(declared.keys() - set(DECLARABLE)):
        raise ProviderMissing(
            f"{file}: a model profile has no {', '.join(unknown)}",
            advice=f"It may say: {', '.join(DECLARABLE)}.",
        )
    try:
        return own.overridden("cineai.json", declared)
    except ValidationError as error:
        first = error.errors()[0]
        raise ProviderMissing(
            f"{file}: {first['loc'][0]}: {first['msg']}, not {first['input']!r}",
            advice="Correct the field, or take it out: the family's default is then used.",
        ) from error


def in_force(
    own: SourcedProfile, generator: GeneratorSettings, learner: LearnerSettings | None = None
) -> SourcedProfile:
    """A model's own profile under the single fields that settings name."""
    named: dict[str, object] = {
        "steps": generator.steps,
        "guidance": generator.guidance,
        "guidance_start_lora": generator.guidance_start_lora,
        "negative_prompt": generator.negative_prompt,
        "references": True if generator.ip_adapter else None,
        "training_resolution_px": learner.resolution_px if learner else None,
    }
    return own.overridden(
        "setting", {name: value for name, value in named.items() if value is not None}
    )


def _published(config: FolderConfig) -> dict[str, object]:
    variant = variant_of(config.family, config.denoiser, config.scheduler)
    known = True if config.family != "other" else None
    return {
        "name": variant.name if known else pipeline_class(config.folder) or variant.name,
        "domain": "photo",
        "dialect": "prose",
        "token_budget": variant.longest_prompt,
        "steps": variant.steps,
        "guidance": variant.guidance,
        "guidance_start_lora": 0.0,
        "negative_prompt": variant.negative_prompt,
        "training_preset": PRESETS[config.family],
        "lora": known,
        "inpaint": known,
    }


def _found(config: FolderConfig) -> dict[str, object]:
    """What the folder's configuration says."""
    variant = variant_of(config.family, config.denoiser, config.scheduler)
    width, height = config.own_size_px
    found: dict[str, object] = {
        "family": config.family,
        "width_px": width,
        "height_px": height,
        "side_multiple_px": config.vae_scale * (1 if config.is_unet else TRANSFORMER_PATCH),
        "scheduler": str(config.scheduler.get("_class_name", "unknown")),
        "training_resolution_px": min(width, height),
        "references": config.is_unet and (config.folder / IMAGE_PROMPT_FILE).is_file(),
        "licence": config.licence,
    }
    if config.longest_prompt is not None and config.longest_prompt < variant.longest_prompt:
        found["token_budget"] = config.longest_prompt
    return found


def _config(file: Path) -> dict[str, Any]:
    """A JSON object; empty where there is no such file. Raises ProviderMissing, naming it."""
    if not file.is_file():
        return {}
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ProviderMissing(
            f"{file} cannot be read: {error}", advice="Correct the file, or take it away."
        ) from error
    if not isinstance(told, dict):
        raise ProviderMissing(f"{file} holds no JSON object", advice="Correct the file.")
    return told
