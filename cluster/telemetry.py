"""Structured logs with job and trace ids, and the metrics' names."""

import logging
import sys

import structlog
from ray.util import metrics

from cluster.settings import TelemetrySettings

bind = structlog.contextvars.bound_contextvars

MS_BUCKETS = [1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0, 60_000.0]


def setup_logging(settings: TelemetrySettings) -> None:
    """Configure structlog once for this process; call it at a process's edge only."""
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.level)),
        # Asked at each line: whoever has standard error replaced may close what was there before.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger that carries the bound job and trace ids."""
    return structlog.stdlib.get_logger(name)


def step_ms() -> metrics.Histogram:
    """Duration of each job step, by step name."""
    return metrics.Histogram(
        "cineai_step_ms", "Duration of a job step in ms.", boundaries=MS_BUCKETS, tag_keys=("step",)
    )


def jobs_total() -> metrics.Counter:
    """Jobs that ended, by status."""
    return metrics.Counter("cineai_jobs_total", "Jobs that ended.", tag_keys=("status",))
