"""docs/characters.md knows every field of a profile."""

import re

from cluster.domain.character import Profile
from tests.docs.markdown import ROOT

PAGE = (ROOT / "docs" / "characters.md").read_text()
ROWS = re.findall(r"^\| (`.+?`) \|", PAGE, re.MULTILINE)


def test_every_field_of_a_profile_has_its_row_and_no_other() -> None:
    named = [name for row in ROWS for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(Profile.model_fields)
