import hashlib
from pathlib import Path

import pytest

from actors.registry import LoraRegistry
from cluster.domain.character import Character, CharacterId
from cluster.errors import BadAdapter, NotFound, ProviderMissing, Unsupported
from cluster.providers.diffusers_folder import BaseFolder
from cluster.settings import GeneratorSettings, Settings
from cluster.store import Store
from tests.tiny_adapters import lora
from tests.tiny_base import tiny_base

KAIRO, MIRA = CharacterId("kairo"), CharacterId("mira")


@pytest.fixture
def base(tmp_path: Path) -> BaseFolder:
    """A base model's folder: all that the registry reads of one."""
    return tiny_base(tmp_path / "tiny")


@pytest.fixture
def served(settings: Settings, base: BaseFolder) -> Settings:
    generator = GeneratorSettings(model=str(base.folder))
    served = settings.model_copy(update={"generator": generator})
    store = Store.open(served.store)
    for name in (KAIRO, MIRA):
        store.characters.add(Character(id=name, name=name))
    return served


@pytest.fixture
def registry(served: Settings) -> LoraRegistry:
    return LoraRegistry(served)


def test_an_import_is_checked_kept_and_active(
    registry: LoraRegistry, served: Settings, base: BaseFolder
) -> None:
    content = lora(base, rank=2, trigger="sks kairo")
    version = registry.import_file(KAIRO, content)
    assert version.id == "char_kairo_v1"
    assert (version.rank, version.alpha, version.trigger) == (2, 2.0, "sks kairo")
    assert (version.base_model, version.active, version.origin) == ("tiny", True, "import")
    assert version.sha256 == hashlib.sha256(content).hexdigest()
    assert Store.open(served.store).blobs.get(version.sha256) == content
    assert registry.active(KAIRO) == version
    assert registry.active(MIRA) is None


def test_the_same_file_again_is_the_same_version(registry: LoraRegistry, base: BaseFolder) -> None:
    content = lora(base)
    first = registry.import_file(KAIRO, content)
    assert registry.import_file(KAIRO, content) == first
    assert registry.list(KAIRO) == [first]
    assert registry.import_file(MIRA, content).id == "char_mira_v1"
    assert len(registry.list()) == 2


def test_versions_count_up_and_one_is_active(registry: LoraRegistry, base: BaseFolder) -> None:
    registry.import_file(KAIRO, lora(base, seed=1))
    second = registry.import_file(KAIRO, lora(base, seed=2))
    third = registry.import_file(KAIRO, lora(base, seed=3), activate=False)
    assert [one.version for one in registry.list(KAIRO)] == [1, 2, 3]
    assert [one.active for one in registry.list(KAIRO)] == [False, True, False]
    assert registry.active(KAIRO) == second
    assert not third.active


def test_an_earlier_version_or_none_can_be_made_active(
    registry: LoraRegistry, base: BaseFolder
) -> None:
    first = registry.import_file(KAIRO, lora(base, seed=1))
    registry.import_file(KAIRO, lora(base, seed=2))
    registry.promote(KAIRO, 1)
    assert registry.active(KAIRO) == first
    registry.clear(KAIRO)
    assert registry.active(KAIRO) is None
    assert not registry.get(KAIRO, 1).active


def test_a_restart_loses_nothing(
    registry: LoraRegistry, served: Settings, base: BaseFolder
) -> None:
    registry.import_file(KAIRO, lora(base, seed=1))
    content = lora(base, seed=2)
    second = registry.import_file(KAIRO, content)
    again = LoraRegistry(served)
    assert again.list() == registry.list()
    assert again.active(KAIRO) == second
    assert again.import_file(KAIRO, content) == second
    assert again.import_file(KAIRO, lora(base, seed=3)).version == 3


def test_a_refused_file_leaves_no_trace(
    registry: LoraRegistry, served: Settings, base: BaseFolder
) -> None:
    good = registry.import_file(KAIRO, lora(base))
    for bad in (lora(base, seed=5)[:-8], lora(base, base_model="acme/xl"), b"", b"not a file" * 9):
        with pytest.raises(BadAdapter):
            registry.import_file(KAIRO, bad)
        digest = hashlib.sha256(bad).hexdigest()
        assert not Store.open(served.store).blobs.exists(digest)
    assert registry.list() == [good]
    assert registry.active(KAIRO) == good


def test_the_weights_a_file_names_are_compared(registry: LoraRegistry, base: BaseFolder) -> None:
    assert registry.import_file(KAIRO, lora(base, base_sha256=base.sha256)).version == 1
    with pytest.raises(BadAdapter, match="other weights"):
        registry.import_file(KAIRO, lora(base, base_sha256="0" * 64))


def test_what_does_not_exist_is_named(registry: LoraRegistry, base: BaseFolder) -> None:
    with pytest.raises(NotFound, match="nobody"):
        registry.import_file(CharacterId("nobody"), lora(base))
    with pytest.raises(NotFound):
        registry.get(KAIRO, 1)
    with pytest.raises(NotFound):
        registry.promote(KAIRO, 7)


def test_without_the_base_model_there_is_nothing_to_check_against(
    served: Settings, tmp_path: Path, base: BaseFolder
) -> None:
    nowhere = GeneratorSettings(model=str(tmp_path / "nowhere"))
    registry = LoraRegistry(served.model_copy(update={"generator": nowhere}))
    with pytest.raises(ProviderMissing):
        registry.import_file(KAIRO, lora(base))


def test_a_hosted_model_takes_no_adapters(served: Settings, base: BaseFolder) -> None:
    hosted = GeneratorSettings(backend="gemini")
    registry = LoraRegistry(served.model_copy(update={"generator": hosted}))
    with pytest.raises(Unsupported):
        registry.import_file(KAIRO, lora(base))
