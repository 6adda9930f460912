"""Chooses the implementation of each port from the settings; imports it only then."""

from functools import partial
from typing import assert_never

from cluster.errors import ProviderMissing, Unsupported
from cluster.ports import (
    BlobStore,
    FaceEncoder,
    ImageModel,
    PromptWriter,
    Tagger,
    TextEncoder,
    VectorIndex,
)
from cluster.settings import GeneratorSettings, IdentitySettings, MemorySettings, Settings


def image_model(
    settings: GeneratorSettings, blobs: BlobStore, identity: IdentitySettings | None = None
) -> ImageModel:
    """The image backend that `generator.backend` names.

    A local model follows reference images if it has an image-prompt adapter and `identity` is
    given, which says whose face embeddings to use.
    """
    match settings.backend:
        case "diffusers":
            from cluster.providers.diffusers.model import DiffusersImageModel

            faces = None if identity is None else partial(face_encoder, identity)
            return DiffusersImageModel(settings, blobs, faces)
        case "gemini" | "veo":
            raise Unsupported(
                f"generator.backend = {settings.backend!r} is not built in yet",
                advice="Use generator.backend = 'diffusers': it needs no key and no network.",
            )
        case _:
            assert_never(settings.backend)


def prompt_writer(settings: Settings) -> PromptWriter:
    """The writer that `prompt.writer` names."""
    match settings.prompt.writer:
        case "composer":
            from cluster.providers.composer import Composer
            from cluster.providers.diffusers.tokens import token_counter

            return Composer(settings.generator, token_counter(settings.generator))
        case "groq":
            raise ProviderMissing(
                "prompt.writer = 'groq' is not built in yet",
                advice="Use prompt.writer = 'composer': it needs no key and no network.",
            )
        case _:
            assert_never(settings.prompt.writer)


def face_encoder(settings: IdentitySettings) -> FaceEncoder:
    """The encoder of `identity.pack`, which is downloaded on first use."""
    from cluster.providers.facepack import ensure_pack
    from cluster.providers.insightface import InsightFaceEncoder

    return InsightFaceEncoder(ensure_pack(settings))


def picture_tagger() -> Tagger:
    """The embedded tagger."""
    from cluster.providers.onnx_tagger import OnnxTagger

    return OnnxTagger()


def text_encoder(settings: MemorySettings) -> TextEncoder:
    """The sentence encoder that `memory.text_encoder` names. Raises Unsupported when it is off."""
    match settings.text_encoder:
        case "e5":
            from cluster.providers.e5 import E5Encoder

            return E5Encoder()
        case "off":
            raise Unsupported(
                "scenes cannot be searched by meaning: the sentence encoder is off",
                advice="Set memory.text_encoder = 'e5': it needs no key and no network.",
            )
        case _:
            assert_never(settings.text_encoder)


def vector_index(settings: Settings, model: str, dim: int) -> VectorIndex:
    """The Milvus collection of an embedding model whose vectors have `dim` numbers."""
    from cluster.providers.milvus import MilvusIndex, connect

    return MilvusIndex(connect(settings.store, settings.memory), model, dim)
