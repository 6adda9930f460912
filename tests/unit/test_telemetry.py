import io
import json
import sys

import pytest
import structlog

from cluster.settings import TelemetrySettings
from cluster.telemetry import logger, setup_logging


def test_a_line_goes_to_what_is_standard_error_now(monkeypatch: pytest.MonkeyPatch) -> None:
    gone, here = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", gone)
    setup_logging(TelemetrySettings())
    log = logger("test")
    log.warning("first")
    gone.close()
    monkeypatch.setattr(sys, "stderr", here)
    log.warning("second")

    assert json.loads(here.getvalue())["event"] == "second"
    structlog.reset_defaults()
