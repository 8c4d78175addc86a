"""The fixed cast, part one: what exists before anybody calls."""

from collections.abc import Generator
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from scheduler import clock
from scheduler.models import Handler

# How long an example takes says more of the machine, and of what else runs on it, than of the code.
settings.register_profile("platform", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("platform")

CLEANUP_SCHEMA = {
    "type": "object",
    "properties": {
        "retentionDays": {"type": "integer", "minimum": 0},
        "batchSize": {"type": "integer", "minimum": 1},
        "path": {"type": "string"},
    },
    "required": ["retentionDays"],
    "additionalProperties": False,
}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what was captured sendable: a test that logs half a surrogate would end its xdist process."""
    report: Any = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report  # type: ignore[no-any-return]


@pytest.fixture
def now(db: None) -> datetime:
    """The clock, once."""
    return clock.now()


@pytest.fixture
def handlers(now: datetime) -> dict[str, Handler]:
    """The catalogue as a worker announces it."""
    announced = [
        _handler("platform.noop", {"type": "object"}, now),
        _handler("platform.sleep", {"type": "object", "properties": {"seconds": {"type": "number"}}}, now),
        _handler("com.platform.tasks.CleanupTask", CLEANUP_SCHEMA, now),
        _handler("reports.monthly", {"type": "object"}, now, timeoutSeconds=120, priority=8, name="not a preset"),
    ]
    return {handler.task_class: handler for handler in Handler.objects.bulk_create(announced)}


def _handler(task_class: str, schema: dict[str, object], now: datetime, **defaults: object) -> Handler:
    return Handler(
        task_class=task_class, schema=schema, defaults=defaults, queues=["default"], node_id="worker-1", seen_at=now
    )
