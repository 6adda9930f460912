"""Calibrations on disk: the shipped ones, and those that the user measured.

One JSON file a model and domain. The user's own win, so that a shipped one can be measured again.
"""

from pathlib import Path

from cluster.domain.identity.score import Calibration, Domain
from cluster.errors import ProviderMissing
from cluster.settings import ASSETS, IdentitySettings

SHIPPED = ASSETS / "idr"


def own_folder(settings: IdentitySettings) -> Path:
    """Where `python -m training.calibration` puts what it measured."""
    return settings.models_home.expanduser() / "idr"


def file_name(model: str, domain: Domain) -> str:
    """The file of a face model's calibration in a domain."""
    return f"{model}.{domain}.json"


def load_calibration(settings: IdentitySettings, model: str, domain: Domain) -> Calibration:
    """The calibration of a face model in a domain. Raises ProviderMissing when there is none:
    a cosine of an unmeasured model means nothing."""
    for folder in (own_folder(settings), SHIPPED):
        file = folder / file_name(model, domain)
        if file.is_file():
            return Calibration.model_validate_json(file.read_text())
    raise ProviderMissing(
        f"face model {model!r} has no calibration for {domain!r} pictures",
        advice=f"Measure one with `python -m training.calibration {domain}`, or use "
        "identity.pack='studio'.",
    )
