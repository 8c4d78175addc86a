"""GET /api/v1/protection, and what is refused while only what is critical goes."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from scheduler.models import Permit, Protection
from tests.integration.conftest import Caller

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("handlers")]

GOOD = {"name": "Invoices", "taskClass": "platform.noop"}
EXCEEDED = [{"signal": "memoryPercent", "value": 98.5, "of": "worker far", "soft": 90, "hard": 97}]


@pytest.fixture
def heavy(now: datetime, settings: Any) -> Protection:
    """Memory is short."""
    settings.PROTECTION = True
    return Protection.objects.create(level="CRITICAL", since=now, decided_at=now, exceeded=EXCEEDED)


def test_it_is_normal_until_somebody_decides(viewer: Caller) -> None:
    shown = viewer.send("get", "protection").json()
    assert (shown["level"], shown["since"], shown["exceeded"], shown["heldCount"]) == ("NORMAL", None, [], 0)


@pytest.mark.usefixtures("heavy")
def test_it_says_up_to_which_priority_slots_are_left_out(viewer: Caller) -> None:
    assert viewer.send("get", "protection").json()["shedPriority"] is None
    Permit.objects.create(key="shed:3", is_paused=True)
    assert viewer.send("get", "protection").json()["shedPriority"] == 3


@pytest.mark.usefixtures("heavy")
def test_it_says_what_is_exceeded(viewer: Caller) -> None:
    shown = viewer.send("get", "protection").json()
    assert (shown["level"], shown["isOn"], shown["exceeded"]) == ("CRITICAL", True, EXCEEDED)


@pytest.mark.usefixtures("heavy")
def test_under_heavy_load_nothing_is_registered_and_everything_read(editor: Caller) -> None:
    answer = editor.send("post", "tasks", GOOD)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert editor.send("get", "tasks").json()["totalElements"] == 0


@pytest.mark.usefixtures("heavy")
def test_brakes_go_through(operator: Caller) -> None:
    assert operator.send("put", "flow-control", {"mode": "PAUSED"}).status_code == 200


def test_what_nobody_has_decided_for_long_says_nothing(editor: Caller, heavy: Protection, now: datetime) -> None:
    Protection.objects.update(decided_at=now - timedelta(minutes=1))
    assert editor.send("post", "tasks", GOOD).status_code == 201


@pytest.mark.usefixtures("heavy")
def test_switched_off_nothing_is_refused(editor: Caller, settings: Any) -> None:
    settings.PROTECTION = False
    assert editor.send("post", "tasks", GOOD).status_code == 201
