"""The embedded tagger against held-out renders, Kairo's references and odd pictures.

`renders/` holds pictures of actors that were in no training set, with their truth: "" for what
cannot be seen, ``unknown`` for marks that people would not agree on.
"""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from cluster import providers
from cluster.domain import vocabulary
from cluster.domain.identity.tags import Tags
from cluster.errors import Invalid, ProviderMissing
from cluster.ports import Pixels, Tagger
from cluster.providers.onnx_tagger import OnnxTagger, square
from cluster.settings import ASSETS

RENDERS = Path(__file__).parent / "renders"
TRUTH = json.loads((RENDERS / "truth.json").read_text())
KAIRO = sorted((ASSETS / "kairo").glob("reference_*.png"))
INDEPENDENT = {"marks", "injuries", "props", "cyber"}


def read(path: Path) -> Pixels:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.fixture(scope="module")
def tagger() -> OnnxTagger:
    return OnnxTagger()


@pytest.fixture(scope="module")
def kairo(tagger: OnnxTagger) -> list[Tags]:
    return [tagger.tags(read(path)) for path in KAIRO]


def test_the_factory_gives_an_implementation_of_the_port() -> None:
    tagger: Tagger = providers.picture_tagger()
    assert tagger.tags(np.zeros((128, 128, 3), np.uint8)).heads


def test_it_says_on_which_kinds_of_pictures_it_was_measured(tagger: OnnxTagger) -> None:
    assert tagger.measured_on == {"studio"}


def test_one_that_does_not_say_was_measured_on_nothing(tmp_path: Path) -> None:
    folder = shutil.copytree(ASSETS / "tagger", tmp_path / "tagger")
    said = json.loads((folder / "tagger.json").read_text())
    del said["measured_on"]
    (folder / "tagger.json").write_text(json.dumps(said))
    assert OnnxTagger(folder).measured_on == frozenset()


def test_exclusive_labels_sum_to_one_and_independent_ones_are_probabilities(
    kairo: list[Tags],
) -> None:
    for tags in kairo:
        for head, labels in tags.heads.items():
            assert all(0 <= chance <= 1 for chance in labels.values())
            if head not in INDEPENDENT:
                assert sum(labels.values()) == pytest.approx(1, abs=1e-6)


def test_every_label_is_a_word_of_the_vocabulary(kairo: list[Tags]) -> None:
    heads = kairo[0].heads
    assert set(heads["place"]) == set(vocabulary.PLACES)
    assert set(heads["hair_colour"]) == {*vocabulary.HAIR_COLOURS, ""}
    assert set(heads["left_eye"]) == {*vocabulary.EYE_COLOURS, ""}
    assert set(heads["props"]) == set(vocabulary.PROPS)
    assert len(heads["marks"]) == len(vocabulary.MARK_KINDS) * len(vocabulary.FACE_PLACES)


def test_most_of_what_held_out_renders_show_is_read(tagger: OnnxTagger) -> None:
    right = []
    for name, truth in TRUTH.items():
        tags = tagger.tags(read(RENDERS / name))
        right += [tags.best(head)[0] == label for head, label in truth["one_of"].items()]
    assert np.mean(right) >= 0.88


def test_marks_wounds_and_props_of_held_out_renders_stand_out(tagger: OnnxTagger) -> None:
    shown: list[float] = []
    absent: list[float] = []
    for name, truth in TRUTH.items():
        tags = tagger.tags(read(RENDERS / name))
        for head in INDEPENDENT:
            for label, chance in tags.heads[head].items():
                if label not in truth["unknown"]:
                    (shown if label in truth["any_of"][head] else absent).append(chance)
    assert np.mean(np.array(shown) > 0.5) >= 0.75
    assert np.mean(np.array(absent) > 0.5) < 0.01


def test_kairo_is_read_as_his_profile_says(kairo: list[Tags]) -> None:
    def share(head: str, label: str) -> float:
        return float(np.mean([tags.best(head)[0] == label for tags in kairo]))

    assert share("gender", "man") > 0.7
    assert share("hair_colour", "black") > 0.7
    assert share("outfit_colour", "dark") > 0.7
    assert share("left_eye", "amber") > 0.6
    cyber = [tags.heads["cyber"]["left"] - tags.heads["cyber"]["right"] for tags in kairo]
    assert np.median(cyber) > 0.5


def test_left_and_right_are_the_actor_s_own(tagger: OnnxTagger) -> None:
    both = [(tagger.tags(read(path)), tagger.tags(read(path)[:, ::-1])) for path in KAIRO]
    for plain, mirrored in both[:3]:
        assert plain.heads["cyber"]["left"] > mirrored.heads["cyber"]["left"]
        assert plain.heads["cyber"]["right"] < mirrored.heads["cyber"]["right"]


def test_a_face_box_finds_the_actor_in_a_wide_picture(tagger: OnnxTagger) -> None:
    reference = cv2.resize(read(KAIRO[0]), (256, 256))
    wide = np.full((256, 900, 3), 120, np.uint8)
    wide[:, 620:876] = reference
    cut = square(wide, (698.0, 65.0, 798.0, 190.0))
    assert cut.shape == (256, 256, 3)
    with_box = tagger.tags(wide, (698.0, 65.0, 798.0, 190.0))
    assert with_box.best("hair_colour")[0] == "black"


@pytest.mark.parametrize("shape", [(64, 64, 3), (1024, 640, 3), (37, 501, 3)])
def test_any_size_is_read(tagger: OnnxTagger, shape: tuple[int, int, int]) -> None:
    assert tagger.tags(np.full(shape, 90, np.uint8)).heads


@pytest.mark.parametrize("bad", [np.zeros((64, 64), np.uint8), np.zeros((64, 64, 3), np.float32)])
def test_other_arrays_are_refused(tagger: OnnxTagger, bad: Pixels) -> None:
    with pytest.raises(Invalid, match="uint8"):
        tagger.tags(bad)


def test_a_folder_without_a_tagger_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ProviderMissing) as failure:
        OnnxTagger(tmp_path)
    assert "training.studio.tagger" in failure.value.advice


def test_the_model_is_small(tagger: OnnxTagger) -> None:
    assert (ASSETS / "tagger" / "tagger.onnx").stat().st_size <= 4_000_000


def test_reading_needs_no_torch() -> None:
    code = (
        "import sys; from cluster.providers import picture_tagger; picture_tagger(); "
        "print('torch' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"


def test_a_picture_takes_at_most_25_ms_of_one_core(tagger: OnnxTagger) -> None:
    pixels = read(KAIRO[0])
    spent = []
    for _ in range(30):
        start = time.process_time()
        tagger.tags(pixels)
        spent.append(time.process_time() - start)
    assert np.median(spent) <= 0.025
