"""docs/configuration.md says what cluster/settings.py says."""

from tests.docs import configuration


def test_the_page_is_current() -> None:
    assert configuration.PAGE.read_text() == configuration.markdown(), "run `make docs`"


def test_every_field_is_described() -> None:
    assert configuration.undescribed() == []
