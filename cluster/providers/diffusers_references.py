"""References that reach a local model: the faces of an order's reference pictures, as image prompts.

The file lies in the base model's folder, or where `generator.ip_adapter` says. Its header names the
face model whose embeddings it was trained on: vectors of another model would mean nothing to it.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from diffusers import DiffusionPipeline, UNet2DConditionModel
from PIL import Image
from safetensors import SafetensorError, safe_open

from cluster.domain.render import Inpainting, RenderOrder
from cluster.errors import ProviderMissing, Unsupported
from cluster.ports import BlobStore, FaceEncoder, Pixels, Vector
from cluster.providers.diffusers_folder import BaseFolder
from cluster.providers.diffusers_image_prompt import ImagePrompt, shape_of
from cluster.settings import GeneratorSettings
from cluster.telemetry import logger

FILE = Path("ip_adapter", "ip_adapter.safetensors")
FACE_MODEL = "face_model"
CACHED_CHARACTERS = 64

Order = RenderOrder | Inpainting


class References:
    """Shows a batch's references to the model; an order without any is painted from words alone.

    An order whose references show no face is painted from words too, and a warning is logged.
    """

    def __init__(
        self,
        prompt: ImagePrompt,
        encoder: FaceEncoder,
        blobs: BlobStore,
        settings: GeneratorSettings,
    ) -> None:
        self._prompt, self._encoder, self._blobs = prompt, encoder, blobs
        self._settings = settings
        self._embedding = lru_cache(CACHED_CHARACTERS)(self._embed)

    @contextmanager
    def shown(self, orders: Sequence[Order]) -> Iterator[None]:
        """Let the n-th picture of every batch painted herein follow the n-th order's references."""
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
        pictures = [_decoded(self._blobs.get(sha256)) for sha256 in references]
        faces = [found[0] for picture in pictures if (found := self._encoder.faces(picture))]
        if faces:
            return centroid(np.stack([face.embedding for face in faces]))
        if references:
            logger("generator").warning(
                "no reference shows a face; painted from words alone", references=list(references)
            )
        return None


def load_references(
    pipe: DiffusionPipeline,
    base: BaseFolder,
    settings: GeneratorSettings,
    blobs: BlobStore,
    encoder: Callable[[], FaceEncoder],
) -> References | None:
    """The references that a pipeline can follow, or None where no adapter lies with the model.

    `encoder` is asked for only when there is one. Raises ProviderMissing or Unsupported.
    """
    path = settings.ip_adapter or base.folder / FILE
    if settings.ip_adapter is None and not path.is_file():
        return None
    unet = getattr(pipe, base.component)
    if not isinstance(unet, UNet2DConditionModel):
        raise Unsupported(
            f"{type(pipe).__name__} takes no image-prompt adapter: it has no UNet",
            advice="Leave generator.ip_adapter unset for this model.",
        )
    tensors, header = _read(path.expanduser())
    faces = encoder()
    if header.get(FACE_MODEL) != faces.model:
        raise ProviderMissing(
            f"{path} takes embeddings of {header.get(FACE_MODEL)!r}, and faces are embedded by "
            f"{faces.model!r}",
            advice="Set identity.pack to the former, or train an adapter for the latter.",
        )
    prompt = ImagePrompt(unet, shape_of(tensors))
    prompt.fill(tensors)
    return References(prompt, faces, blobs, settings)


def centroid(vectors: Vector) -> Vector:
    """L2-normalised mean of unit vectors (n, dim), float32 (dim,)."""
    mean = np.mean(vectors, axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6), np.float32)


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


def _decoded(content: bytes) -> Pixels:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"), np.uint8)
