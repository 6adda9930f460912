"""The embedded model's figures, by the command that prints them."""

import json
from ctypes.util import find_library
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from cluster.providers.diffusers.folder import base_folder
from cluster.settings import ASSETS

pytestmark = [
    pytest.mark.skipif(find_library("EGL") is None, reason="needs EGL to render"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

SHARES = {
    "face_found",
    "hair_colour",
    "outfit_colour",
    "place",
    "marks",
    "props",
    "injuries",
    "idr_caption_only",
    "idr_reference_adapter",
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded model with an image-prompt adapter of small random weights."""

    import torch
    from safetensors.torch import save_file

    from cluster.providers.diffusers.image_prompt import ImagePrompt, PromptShape
    from cluster.providers.diffusers.load import load_pipeline

    folder = tmp_path_factory.mktemp("studio")
    for part in (ASSETS / "studio").iterdir():
        (folder / part.name).symlink_to(part)
    (folder / "ip_adapter").unlink(missing_ok=True)
    (folder / "ip_adapter").mkdir()
    torch.manual_seed(0)
    unet = load_pipeline(base_folder("studio"), torch.device("cpu")).unet
    tensors = {
        key: torch.randn_like(weight) * 0.05
        for key, weight in ImagePrompt(unet, PromptShape(128, 2, 4)).tensors().items()
    }
    path = folder / "ip_adapter" / "ip_adapter.safetensors"
    save_file(tensors, path, {"face_model": "yunet-2023mar+sface-2021dec"})
    return folder


def test_evaluate_prints_every_figure(model: Path) -> None:
    from training.studio.__main__ import app

    call = ["evaluate", "--model", str(model), "--count", "3", "--actors", "1", "--json"]
    ran = CliRunner().invoke(app, call)
    assert ran.exit_code == 0, ran.output
    scores = json.loads(ran.stdout.splitlines()[-1])
    assert scores.keys() >= SHARES | {"tagger_mmd", "tagger_mmd_std", "seconds_per_image"}
    assert all(scores[key] is None or 0 <= scores[key] <= 1 for key in SHARES)
    assert scores["face_found_in_renders"] == 1
    assert scores["place_in_renders"] > 0.6
    assert scores["idr_reference_adapter"] is not None
    assert scores["seconds_per_image"] > 0
    assert scores["tagger_mmd"] > 0


def test_a_likeness_sheet_shows_references_and_both_ways_of_painting(
    model: Path, tmp_path: Path
) -> None:
    from training.studio.__main__ import app

    file = tmp_path / "sheet.png"
    ran = CliRunner().invoke(app, ["likeness", str(file), "--model", str(model), "--actors", "1"])
    assert ran.exit_code == 0, ran.output
    pixels = np.asarray(Image.open(file))
    assert pixels.shape == (128, 128 * 10, 3)
    words, shown = pixels[:, 256:768], pixels[:, 768:]
    assert not np.array_equal(words, shown)
