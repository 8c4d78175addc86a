"""Every question that `manage.py bench query` asks is one that the API answers."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from bench import asking
from scheduler.models import Execution


@pytest.mark.usefixtures("january")
def test_each_question_is_answered(
    tmp_path: Path, january: list[Execution], now: datetime, monkeypatch: pytest.MonkeyPatch, count: object
) -> None:
    monkeypatch.setattr(asking, "WARM_UP", 0)
    Execution.objects.filter(id=january[0].id).update(end_time=now)
    assert callable(count)
    count()

    asking.main(1, tmp_path / "answers")

    timings = json.loads((tmp_path / "answers").read_text())
    assert {"tasks, late", "executions, label", "metrics, 30d", "overview", "explain a slot"} <= timings.keys()
    assert {len(times) for times in timings.values()} == {1}
