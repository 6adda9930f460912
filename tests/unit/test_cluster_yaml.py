"""cluster.yaml is what `ray up` accepts, by Ray's own schema."""

import copy
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from cluster.launch import ROOT

CONFIG = yaml.safe_load((ROOT / "cluster.yaml").read_text())


def check(config: dict[str, Any]) -> None:
    validate_config(prepare_config(copy.deepcopy(config)))


def test_cluster_yaml_is_valid() -> None:
    check(CONFIG)


def test_a_typo_in_cluster_yaml_would_be_found() -> None:
    with pytest.raises(Exception, match="max_worker"):
        check(CONFIG | {"max_worker": 3})


def test_serving_and_training_never_share_a_node() -> None:
    marks = [set(kind["resources"]) for kind in CONFIG["available_node_types"].values()]
    assert all(not {"serve", "train"} <= mark for mark in marks)
    assert {"serve"} in marks
    assert {"train"} in marks
