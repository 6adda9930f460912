"""The LoRA adapters that a pipeline holds: loaded once, chosen for each picture, oldest out."""

import tempfile
import warnings
from collections import OrderedDict
from pathlib import Path

import torch
from diffusers import DiffusionPipeline

from cluster.domain.adapter import AdapterVersion
from cluster.domain.adapter_file import AdapterFile, check_fits, read_adapter
from cluster.errors import BadAdapter
from cluster.ports import BlobStore
from cluster.providers.diffusers_folder import BaseFolder

FILE = "adapter.safetensors"
MAX_CAUSE = 300  # torch lists every tensor of a mismatch
LOAD_ERRORS = (ValueError, RuntimeError, LookupError, TypeError, AttributeError)


class Adapters:
    """Switches a pipeline between its bare base model and one adapter at a time.

    A file is verified before the pipeline is touched, and a load that fails none the less is
    undone: what was served before is served after, bit for bit.
    """

    def __init__(
        self, pipe: DiffusionPipeline, base: BaseFolder, blobs: BlobStore, *, resident: int
    ) -> None:
        self._pipe, self._base, self._blobs, self._resident = pipe, base, blobs, resident
        self._denoiser = getattr(pipe, base.component)
        self._loaded: OrderedDict[str, None] = OrderedDict()

    @property
    def loaded(self) -> tuple[str, ...]:
        """Names of the adapters in memory, the one used longest ago first."""
        return tuple(self._loaded)

    def select(self, adapter: AdapterVersion | None) -> None:
        """Make the next picture use `adapter`, or the base model alone. Raises BadAdapter."""
        if adapter is None:
            if self._loaded:
                self._denoiser.disable_lora()
            return
        # A version number may come back with another file after its character was deleted.
        name = f"{adapter.id}_{adapter.sha256[:12]}"
        if name not in self._loaded:
            self._load(name, adapter)
        self._loaded.move_to_end(name)
        while len(self._loaded) > self._resident:
            self._denoiser.delete_adapters(self._loaded.popitem(last=False)[0])
        self._denoiser.set_adapters([name])
        self._denoiser.enable_lora()

    def _load(self, name: str, adapter: AdapterVersion) -> None:
        if adapter.base_model != self._base.id:
            raise BadAdapter(
                f"{adapter.id} belongs to {adapter.base_model}; {self._base.id} is being served"
            )
        content = self._blobs.get(adapter.sha256)
        file = read_adapter(content)
        check_fits(file, self._base.layers, lambda: self._base.sha256)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of several adapters, which are meant, and of clean-up
            try:
                self._attach(name, content, file)
            except torch.OutOfMemoryError:
                self._detach(name)
                raise
            except LOAD_ERRORS as error:
                self._detach(name)
                # The loader's own clean-up may fail in turn: the first error is the one to tell.
                cause = str(error.__context__ or error)[:MAX_CAUSE]
                raise BadAdapter(f"{adapter.id} could not be loaded: {cause}") from error
        self._loaded[name] = None

    def _attach(self, name: str, content: bytes, file: AdapterFile) -> None:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / FILE).write_bytes(content)
            self._pipe.load_lora_weights(folder, weight_name=FILE, adapter_name=name)
        held = {
            module
            for module, layer in self._denoiser.named_modules()
            if name in (getattr(layer, "lora_A", None) or ())
        }
        missing = sorted(set(file.modules) ^ held)
        if missing:
            raise ValueError(f"{len(missing)} layers did not take it, such as {missing[0]}")
        if any(weight.is_meta for weight in self._denoiser.parameters()):
            raise ValueError("its config asks for weights that it does not hold")

    def _detach(self, name: str) -> None:
        if name in (getattr(self._denoiser, "peft_config", None) or {}):
            self._denoiser.delete_adapters(name)
        if not self._loaded:
            self._denoiser.unload_lora()
