"""Links in the documents lead somewhere."""

from pathlib import Path

import pytest

from tests.docs.markdown import ROOT, anchors, documents, inline_paths, links


def _broken(path: Path, target: str) -> bool:
    name, _, anchor = target.partition("#")
    file = path.parent / name if name else path
    return not file.exists() or bool(anchor and anchor not in anchors(file))


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_resolves(path: Path) -> None:
    assert [target for target in links(path) if _broken(path, target)] == []


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_in_running_text_is_there(path: Path) -> None:
    assert [name for name in inline_paths(path) if not (ROOT / name).exists()] == []


def test_the_readme_leads_to_every_document() -> None:
    readme = ROOT / "README.md"
    linked = {(readme.parent / target.partition("#")[0]).resolve() for target in links(readme)}
    guides = {path for path in documents() if path.parent in (ROOT, ROOT / "docs")}
    assert guides - linked == {readme}
