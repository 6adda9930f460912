"""Chooses the implementation of each port from the settings; imports it only then."""

from typing import assert_never

from cluster.errors import Unsupported
from cluster.ports import BlobStore, ImageModel, Tagger
from cluster.settings import GeneratorSettings


def image_model(settings: GeneratorSettings, blobs: BlobStore) -> ImageModel:
    """The image backend that `generator.backend` names."""
    match settings.backend:
        case "diffusers":
            from cluster.providers.diffusers import DiffusersImageModel

            return DiffusersImageModel(settings, blobs)
        case "gemini" | "veo":
            raise Unsupported(
                f"generator.backend = {settings.backend!r} is not built in yet",
                advice="Use generator.backend = 'diffusers': it needs no key and no network.",
            )
        case _:
            assert_never(settings.backend)


def tagger() -> Tagger:
    """The embedded tagger."""
    from cluster.providers.tagger import OnnxTagger

    return OnnxTagger()
