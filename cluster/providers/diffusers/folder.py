"""A diffusers base model on disk, read without torch: where it lies and what its layers are."""

import hashlib
import struct
from functools import cached_property
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from cluster.codecs.adapter_file import COMPONENTS, BaseLayers
from cluster.codecs.tensor_file import read_header
from cluster.domain.model_profile import SourcedProfile
from cluster.errors import ProviderMissing
from cluster.providers.diffusers.profile import read_profile
from cluster.settings import ASSETS

EMBEDDED = "studio"
CHUNK_BYTES = 1 << 20
ID_DIGITS = 12
SAVE_AGAIN = "Save the model again, whole, with save_pretrained of diffusers."


class BaseFolder:
    """One base model on disk. Files are read when they are asked for.

    Args:
        hub_id: The hub's name for it, where it lies in the hub's cache.
    """

    def __init__(self, folder: Path, *, hub_id: str | None = None) -> None:
        self.folder, self._hub_id = folder, hub_id
        if not (folder / "model_index.json").is_file():
            raise ProviderMissing(
                f"{folder} holds no diffusers pipeline (model_index.json is missing)",
                advice="Set generator.model to `studio`, to a folder written by save_pretrained, "
                "or to a hub id.",
            )

    @cached_property
    def profile(self) -> SourcedProfile:
        """The model's own profile, before any setting. Raises ProviderMissing."""
        return read_profile(self.folder)

    @cached_property
    def id(self) -> str:
        """What adapters and reports know it by: its name, and the digest of its weights.

        It says nothing of where the weights lie: a copy has the same id. Reads all weights.
        """
        return f"{self.profile.profile.name}@{self.sha256[:ID_DIGITS]}"

    @cached_property
    def known_as(self) -> frozenset[str]:
        """Its id, and the names that adapters were recorded under before ids had digests."""
        names = {self.id, self.folder.resolve().name}
        if self.profile.sources["name"] == "cineai.json":
            names.add(self.profile.profile.name)
        return frozenset(names | ({self._hub_id} if self._hub_id else set()))

    @cached_property
    def component(self) -> str:
        """The part that denoises: `unet` or `transformer`."""
        for name in COMPONENTS:
            if (self.folder / name).is_dir():
                return name
        raise ProviderMissing(
            f"{self.folder} has neither a unet nor a transformer", advice=SAVE_AGAIN
        )

    @cached_property
    def weight_files(self) -> tuple[Path, ...]:
        """The denoiser's safetensors files, in name order."""
        found = tuple(sorted((self.folder / self.component).glob("*.safetensors")))
        if not found:
            where = self.folder / self.component
            raise ProviderMissing(f"{where} holds no safetensors weights", advice=SAVE_AGAIN)
        return found

    @cached_property
    def variant(self) -> str | None:
        """`fp16` where the folder has only such weights, as `save_pretrained(variant=…)` writes."""
        names = [path.name for path in self.weight_files]
        return "fp16" if all(".fp16" in name for name in names) else None

    @cached_property
    def layers(self) -> BaseLayers:
        """Shapes of every weight by module name, from the files' headers alone."""
        shapes: dict[str, tuple[int, ...]] = {}
        for path in self.weight_files:
            for key, spec in _file_header(path).items():
                if key.endswith(".weight"):
                    shapes[key.removesuffix(".weight")] = tuple(spec["shape"])
        return BaseLayers(
            model=self.id, known_as=self.known_as, component=self.component, shapes=shapes
        )

    @cached_property
    def sha256(self) -> str:
        """Digest of the denoiser's weight files, joined in name order. Reads all of them."""
        digest = hashlib.sha256()
        for path in self.weight_files:
            with path.open("rb") as file:
                while chunk := file.read(CHUNK_BYTES):
                    digest.update(chunk)
        return digest.hexdigest()


def base_folder(model: str) -> BaseFolder:
    """The base model that `generator.model` names, if it is on this machine.

    `studio` is the embedded one; a path is a folder; `owner/name` is looked up in the hub's local
    cache. Raises ProviderMissing with what to do.
    """
    if model == EMBEDDED:
        return BaseFolder(ASSETS / EMBEDDED)
    folder = Path(model).expanduser()
    if folder.is_dir():
        return BaseFolder(folder)
    try:
        cached = Path(snapshot_download(model, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, HfHubHTTPError) as error:
        raise ProviderMissing(
            f"there is no folder {model!r}, and the hub's cache does not hold it either",
            advice="Correct generator.model, or fetch it once with "
            f"`python -c \"from huggingface_hub import snapshot_download as d; d('{model}')\"`.",
        ) from error
    return BaseFolder(cached, hub_id=model)


def _file_header(path: Path) -> dict[str, dict[str, list[int]]]:
    with path.open("rb") as file:
        start = file.read(8)
        header = read_header(start + file.read(struct.unpack("<Q", start)[0]))
    header.pop("__metadata__", None)
    return header
