"""References that reach a local model: the faces of an order's pictures, as image prompts.

The file lies in the base model's folder, or where `generator.ip_adapter` says. Its header names the
face model whose embeddings it was trained on: vectors of another model would mean nothing to it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from diffusers import DiffusionPipeline, UNet2DConditionModel
from safetensors import SafetensorError, safe_open

from cluster.codecs.images import decode_image
from cluster.domain.identity.face import centroid
from cluster.domain.render import Inpainting, RenderOrder
from cluster.errors import ProviderMissing, Unsupported
from cluster.ports import BlobStore, FaceEncoder, Vector
from cluster.providers.diffusers.folder import BaseFolder
from cluster.providers.diffusers.image_prompt import ImagePrompt, shape_of
from cluster.providers.diffusers.profile import IMAGE_PROMPT_FILE
from cluster.settings import GeneratorSettings
from cluster.telemetry import logger

FACE_MODEL = "face_model"
CACHED_CHARACTERS = 64

Order = RenderOrder | Inpainting


class References:
    """Shows a batch's references to the model; an order without any is painted from words alone.

    An order whose references show no face is painted from words too, and a warning is logged.
    Without a prompt there is nothing to show them to, and every order is.
    """

    def __init__(
        self,
        prompt: ImagePrompt | None,
        faces: FaceEncoder | None,
        blobs: BlobStore,
        settings: GeneratorSettings,
    ) -> None:
        self._prompt, self._faces, self._blobs, self._settings = prompt, faces, blobs, settings
        self._embedding = lru_cache(CACHED_CHARACTERS)(self._embed)

    @classmethod
    def of(
        cls,
        pipe: DiffusionPipeline,
        base: BaseFolder,
        settings: GeneratorSettings,
        blobs: BlobStore,
        faces: Callable[[], FaceEncoder] | None,
    ) -> "References":
        """Those that a pipeline can follow. `faces` is called only where an adapter is found.

        Raises ProviderMissing or Unsupported for one that cannot be used.
        """
        path = settings.ip_adapter or base.folder / IMAGE_PROMPT_FILE
        if faces is None or (settings.ip_adapter is None and not path.is_file()):
            return cls(None, None, blobs, settings)
        unet = getattr(pipe, base.component)
        if not isinstance(unet, UNet2DConditionModel):
            raise Unsupported(
                f"{type(pipe).__name__} takes no image-prompt adapter: it has no UNet",
                advice="Leave generator.ip_adapter unset for this model.",
            )
        tensors, header = _read(path.expanduser())
        encoder = faces()
        if header.get(FACE_MODEL) != encoder.model:
            raise ProviderMissing(
                f"{path} takes embeddings of {header.get(FACE_MODEL)!r}, and faces are embedded by "
                f"{encoder.model!r}",
                advice="Set identity.pack to the former, or train an adapter for the latter.",
            )
        prompt = ImagePrompt(unet, shape_of(tensors))
        prompt.fill(tensors)
        return cls(prompt, encoder, blobs, settings)

    @property
    def followed(self) -> bool:
        """Whether references reach the model."""
        return self._prompt is not None

    @contextmanager
    def shown(self, orders: Sequence[Order]) -> Iterator[None]:
        """Let the n-th picture of every batch painted herein follow the n-th order's references."""
        if self._prompt is None:
            yield
            return
        found = [self._embedding(order.references) for order in orders]
        strengths = [
            0.0 if vector is None else self._strength(order)
            for order, vector in zip(orders, found, strict=True)
        ]
        if any(strengths):
            blank = np.zeros(self._prompt.shape.embedding, np.float32)
            rows = np.stack([blank if vector is None else vector for vector in found])
            with torch.no_grad():
                self._prompt.show(torch.from_numpy(rows), torch.tensor(strengths))
        try:
            yield
        finally:
            self._prompt.hide()

    def _strength(self, order: Order) -> float:
        settings = self._settings
        return settings.reference_scale if order.adapter is None else settings.reference_scale_lora

    def _embed(self, references: tuple[str, ...]) -> Vector | None:
        """The centroid of the largest faces, float32 (dim,)."""
        if not references or self._faces is None:
            return None
        seen = [self._faces.faces(decode_image(self._blobs.get(sha256))) for sha256 in references]
        vectors = [faces[0].embedding for faces in seen if faces]
        if vectors:
            return centroid(np.stack(vectors))
        logger("generator").warning(
            "no reference shows a face: painted from words alone", references=list(references)
        )
        return None


def _read(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    try:
        with safe_open(path, "pt") as file:
            names = list(file.keys())
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise ProviderMissing(
            f"{path} cannot be read as an image-prompt adapter: {error}",
            advice="Correct generator.ip_adapter, or leave it unset.",
        ) from error
