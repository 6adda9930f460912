"""Provider factory: the implementation of each port, chosen by the settings, imported only then."""

from functools import partial
from typing import assert_never

from cluster.domain.model_profile import ModelProfile, SourcedProfile
from cluster.domain.prompting.guard import TokenCounter
from cluster.errors import Unsupported
from cluster.ports import (
    BlobStore,
    FaceEncoder,
    ImageModel,
    PromptWriter,
    RequestReader,
    Tagger,
    TextEncoder,
    VectorIndex,
)
from cluster.settings import (
    GeneratorSettings,
    IdentitySettings,
    MemorySettings,
    PromptSettings,
    Settings,
)


def image_model(
    settings: GeneratorSettings, blobs: BlobStore, identity: IdentitySettings | None = None
) -> ImageModel:
    """The local diffusers pipeline that `generator.model` names.

    It follows reference images if it has an image-prompt adapter and `identity` is given, which
    says whose face embeddings to use. Raises ProviderMissing for a model that is not there.
    """
    from cluster.providers.diffusers.model import DiffusersImageModel

    faces = None if identity is None else partial(face_encoder, identity)
    return DiffusersImageModel(settings, blobs, faces)


def model_profile(settings: Settings) -> SourcedProfile:
    """The profile in force: that of the model, under the fields that settings name.

    Raises ProviderMissing for a model that is not there or that says what cannot be.
    """
    from cluster.providers.diffusers.folder import base_folder
    from cluster.providers.diffusers.profile import in_force

    own = base_folder(settings.generator.model).profile
    return in_force(own, settings.generator, settings.learner)


def token_counter(settings: GeneratorSettings) -> TokenCounter:
    """Counts tokens as the model's own text encoder does. Raises ProviderMissing."""
    from cluster.providers.diffusers.folder import base_folder
    from cluster.providers.diffusers.tokens import counter_of

    return counter_of(base_folder(settings.model).folder)


def prompt_writer(profile: ModelProfile, count: TokenCounter) -> PromptWriter:
    """The embedded writer, in the dialect of the model that `profile` describes."""
    from cluster.providers.composer import Composer

    return Composer(profile.dialect, count)


def request_reader(settings: PromptSettings) -> RequestReader:
    """The reader that `prompt.reader` names; `auto` is the embedded one."""
    match settings.reader:
        case "auto" | "embedded":
            from cluster.providers.reading.reader import OfflineReader

            return OfflineReader()
        case _:
            assert_never(settings.reader)


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
    from cluster.providers.milvus import MilvusIndex, open_client

    return MilvusIndex(open_client(settings.store, settings.memory), model, dim)
