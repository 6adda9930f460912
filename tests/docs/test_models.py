"""docs/models.md says of profiles and families what the code says."""

from cluster.domain import model_families
from cluster.domain.model_families import Variant
from cluster.domain.model_profile import ModelProfile
from cluster.providers.diffusers.profile import DECLARABLE
from tests.docs.markdown import ROOT

PAGE = (ROOT / "docs" / "models.md").read_text()


def test_every_field_of_a_profile_is_there_in_its_own_words() -> None:
    rows = [
        f"| `{name}`{'' if name in DECLARABLE else ' †'} | {field.description} |"
        for name, field in ModelProfile.model_fields.items()
    ]
    assert [row for row in rows if row not in PAGE] == []


def negative(variant: Variant) -> str:
    return "yes" if variant.negative_prompt else "no"


def test_every_published_model_is_there_with_its_figures() -> None:
    known = [one for one in vars(model_families).values() if isinstance(one, Variant)]
    rows = [f"| {one.name} | {one.steps} | {one.guidance:g} | {negative(one)} |" for one in known]
    assert len(rows) > 10
    assert [row for row in rows if row not in PAGE] == []
