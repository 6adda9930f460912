"""The loss that recognises: the pack's own network, differentiable, over the embedded model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import onnxruntime
import pytest

from cluster import providers
from cluster.codecs.images import decode_image
from cluster.domain.character import Mark
from cluster.domain.identity.face import Face
from cluster.errors import Unsupported
from cluster.ports import Pixels
from cluster.providers.diffusers.folder import base_folder
from cluster.settings import ASSETS, IdentitySettings

if TYPE_CHECKING:
    import torch
    from torch import nn

    from training.lora.batch_sampler import Batch
    from training.lora.families import Denoiser
    from training.lora.objectives import Objective
    from training.lora.recogniser import Recogniser


pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

SIDE_PX = 128


@pytest.fixture(scope="module")
def kairo() -> Pixels:
    picture = decode_image((ASSETS / "kairo" / "reference_1.png").read_bytes())
    return np.asarray(cv2.resize(picture, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA))


@pytest.fixture(scope="module")
def face(kairo: Pixels) -> Face:
    return providers.face_encoder(IdentitySettings()).faces(kairo)[0]


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    from training.lora.recogniser import recogniser_of

    return recogniser_of(IdentitySettings()).eval()


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    import torch

    from cluster.providers.diffusers.load import load_pipeline
    from training.lora.families import denoiser_of

    base = base_folder("studio")
    return denoiser_of("sd", load_pipeline(base, torch.device("cpu")), base.component)


@pytest.fixture(scope="module")
def objective(denoiser: Denoiser) -> Objective:
    from training.lora.objectives import objective_of

    return objective_of(denoiser.pipe.scheduler, 5.0, 256)


def tensor(pixels: Pixels) -> torch.Tensor:
    import torch

    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


def test_it_embeds_a_face_as_the_service_does(
    recogniser: Recogniser, kairo: Pixels, face: Face
) -> None:
    import torch

    from training.lora.recogniser import align, alignment

    alignments = torch.from_numpy(alignment(face.landmarks))[None]
    with torch.no_grad():
        found, _ = recogniser(align(tensor(kairo), alignments))
    assert float(found[0] @ torch.from_numpy(face.embedding)) > 0.93


def residual() -> nn.Module:
    """What ArcFace's networks are made of, small."""
    from torch import nn

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 8, 3, 2, 1)
            self.body = nn.Sequential(nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3, 1, 1), nn.PReLU(8))
            self.head = nn.Linear(8 * 56 * 56, 16)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            stem = self.stem(pixels)
            features: torch.Tensor = self.head((stem + self.body(stem)).flatten(1))
            return features

    return Residual()


def exported(net: nn.Module, path: Path) -> Path:
    import torch

    from training.lora.recogniser import SIZE_PX

    sample = torch.zeros(1, 3, SIZE_PX, SIZE_PX)
    torch.onnx.export(net.eval(), (sample,), path, input_names=["x"], dynamo=False)
    return path


def test_it_runs_what_other_packs_hold(tmp_path: Path) -> None:
    import torch

    from training.lora.recogniser import SIZE_PX, Recogniser

    torch.manual_seed(0)
    path = exported(residual(), tmp_path / "pack.onnx")
    crop = torch.rand(1, 3, SIZE_PX, SIZE_PX)
    found, _ = Recogniser(path, 127.5, 127.5)(crop)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (theirs,) = session.run(None, {"x": ((crop * 255 - 127.5) / 127.5).numpy()})
    unit = theirs / np.linalg.norm(theirs, axis=1, keepdims=True)
    assert np.allclose(found.detach().numpy(), unit, atol=1e-5)


def test_a_network_that_it_cannot_run_is_named(tmp_path: Path) -> None:
    import torch
    from torch import nn

    from training.lora.recogniser import SIZE_PX, Recogniser

    path = exported(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Hardswish()), tmp_path / "odd.onnx")
    with pytest.raises(Unsupported, match="HardSwish"):
        Recogniser(path)(torch.rand(1, 3, SIZE_PX, SIZE_PX))


def batch_of(
    objective: Objective, latents: torch.Tensor, alignments: torch.Tensor, time: int
) -> tuple[Batch, torch.Tensor]:
    """A batch at one time, and the right answer to it."""

    import torch

    from training.lora.batch_sampler import Batch

    times = torch.full((len(latents),), time)
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(1))
    noisy, target = objective.add_noise(latents, noise, times)
    batch = Batch(
        noisy=noisy,
        target=target,
        timesteps=times,
        loss_weights=torch.ones(len(latents)),
        prompts=(),
        alignments=alignments,
        detail_weights=torch.ones(len(latents), 1, 1, 1),
    )
    return batch, target


def test_it_is_small_for_the_actor_and_pulls_a_wrong_answer_nearer(
    denoiser: Denoiser, objective: Objective, recogniser: Recogniser, kairo: Pixels, face: Face
) -> None:
    import torch

    from training.lora.identity_loss import IdentityLoss
    from training.lora.recogniser import alignment

    latents = denoiser.encode_images(tensor(kairo) * 2 - 1)
    alignments = torch.from_numpy(alignment(face.landmarks))[None]
    batch, right = batch_of(objective, latents, alignments, 300)
    loss = IdentityLoss(denoiser, objective, recogniser, known=face.embedding, centre=())
    assert float(loss(batch, right)) < 0.25
    torch.manual_seed(2)
    wrong = (right + 0.6 * torch.randn(right.shape)).requires_grad_()
    strange = loss(batch, wrong)
    strange.backward()  # type: ignore[no-untyped-call]
    assert wrong.grad is not None
    strangeness = float(strange.detach())
    assert strangeness > float(loss(batch, right)) + 0.05
    step = wrong.detach() - 0.5 * wrong.grad / wrong.grad.norm()
    assert float(loss(batch, step)) < strangeness


def test_noise_and_pictures_without_the_actor_say_nothing(
    denoiser: Denoiser, objective: Objective, recogniser: Recogniser, kairo: Pixels, face: Face
) -> None:
    import torch

    from training.lora.identity_loss import IdentityLoss
    from training.lora.recogniser import alignment

    latents = denoiser.encode_images(tensor(kairo) * 2 - 1)
    alignments = torch.from_numpy(alignment(face.landmarks))[None]
    loss = IdentityLoss(denoiser, objective, recogniser, known=face.embedding, centre=())
    noise, right = batch_of(objective, latents, alignments, 900)
    assert float(loss(noise, right)) == 0
    nobody, right = batch_of(objective, latents, torch.full((1, 2, 3), torch.nan), 100)
    assert float(loss(nobody, right)) == 0


def test_an_error_in_an_eye_or_a_mark_counts_more_and_elsewhere_as_ever(
    denoiser: Denoiser, kairo: Pixels, face: Face
) -> None:
    from training.lora.detail_weights import face_details
    from training.lora.latent_cache import CaptionedImages, LatentCache

    images = CaptionedImages(np.stack([kairo, kairo]), [["a man"], ["a man"]], [face, None])
    details = face_details([Mark(kind="scar", place="left cheek"), Mark(kind="scar", place="ear")])
    weighed = LatentCache(denoiser, images, details, detail_weight=25.0)
    assert weighed.detail_weights.shape == (2, 1, *weighed.latents.shape[-2:])
    (right, left, nose, *_), seen = face.landmarks / 4, weighed.detail_weights[0, 0]
    for x, y in (right, left):
        assert 15.0 < float(seen[int(y), int(x)]) <= 26.0
    cheek, other = (seen[int(nose[1]), round(float(eye[0]))] for eye in (left, right))
    assert float(cheek) > 4.0 > 2.0 > float(other)
    assert float(seen[0].max()) == pytest.approx(1.0, abs=1e-3)
    assert float(weighed.detail_weights[1].max()) == 1.0
    assert float(LatentCache(denoiser, images).detail_weights.max()) == 1.0
