"""A local Ray cluster is started once more where a busy machine was too slow for Ray."""

import pytest
import ray

from cluster.launch import TOO_LATE, local_ray


class Ray:
    """Stands in for `ray.init`: fails with these errors first."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = [*errors]
        self.folders: list[str] = []

    def __call__(self, *, _temp_dir: str, **_: object) -> None:
        self.folders.append(_temp_dir)
        if self.errors:
            raise self.errors.pop(0)


@pytest.fixture(autouse=True)
def _no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "shutdown", lambda: None)


def test_a_node_that_was_too_late_is_started_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    started = Ray(Exception(f"The current node {TOO_LATE}. This could happen because"))
    monkeypatch.setattr(ray, "init", started)
    with local_ray():
        assert len(started.folders) == 2


def test_a_node_that_is_late_twice_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    late = Exception(f"The current node {TOO_LATE}.")
    monkeypatch.setattr(ray, "init", Ray(late, late))
    with pytest.raises(Exception, match=TOO_LATE), local_ray():
        pass


def test_any_other_error_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    started = Ray(ValueError("num_cpus must be positive"))
    monkeypatch.setattr(ray, "init", started)
    with pytest.raises(ValueError, match="num_cpus"), local_ray():
        pass
    assert len(started.folders) == 1
