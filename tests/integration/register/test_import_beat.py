"""`manage.py import_beat`, from what `dumpdata` of the real application writes."""

from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.apps import apps
from django.core.management import call_command

from scheduler import clock
from scheduler.models import Handler, Task
from tests.integration.register.filing import Said, command
from workers.handlers import celery

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
TARGETS = "  - The workers' CELERY_TARGETS must name 'billing' and allow it "

pytestmark = pytest.mark.usefixtures("celery_handler", "at_noon")


@pytest.fixture
def celery_handler(handlers: dict[str, Handler], now: datetime) -> None:
    """A worker sends to Celery applications."""
    Handler.objects.create(
        task_class="platform.celery", schema=celery.SCHEMA, defaults={}, queues=["default"], node_id="w", seen_at=now
    )


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is noon."""
    monkeypatch.setattr(clock, "now", lambda: NOON)


def _stored(model: str, **fields: Any) -> Any:
    return apps.get_model("django_celery_beat", model).objects.create(**fields)


@pytest.fixture
def dump(tmp_path: Path) -> Callable[..., Said]:
    """Dumps the tables and imports the dump, with further arguments."""

    def run(*more: object) -> Said:
        out = StringIO()
        call_command("dumpdata", "django_celery_beat", stdout=out)
        path = tmp_path / "beat.json"
        path.write_text(out.getvalue())
        return command("import_beat", path, "--target", "billing", *more)

    return run


@pytest.fixture
def closing(db: None) -> None:
    """A task at nine on working days in Berlin."""
    nine = _stored("CrontabSchedule", minute="0", hour="9", day_of_week="mon-fri", timezone=ZoneInfo("Europe/Berlin"))
    _stored("PeriodicTask", name="Close", task="billing.close", crontab=nine, kwargs='{"a": 1}', queue="bulk")


@pytest.mark.usefixtures("closing")
def test_it_prints_the_plan_and_writes_nothing(dump: Callable[..., Said]) -> None:
    assert dump() == Said(
        [
            "create     default/Close",
            "           next slots: 2026-11-26T08:00:00Z, 2026-11-27T08:00:00Z, 2026-11-30T08:00:00Z",
            "",
            "Slots compared with celery, the next 1,000, and the coming year's clock changes:",
            "  1 of 1 tasks: the same",
            "",
            "To know:",
            f"{TARGETS}billing.close.",
            "",
            "Dry run: 1 created, 0 updated, 0 unchanged. Nothing was written; --apply does.",
        ],
        [],
    )
    assert not Task.objects.exists()


@pytest.mark.usefixtures("closing")
def test_it_registers_when_told_to(dump: Callable[..., Said]) -> None:
    assert dump("--apply").summary == "celery beat still sends them, too: disable its periodic tasks."
    task = Task.objects.get()
    assert (task.name, task.cron_expression, task.time_zone) == ("Close", "0 9 * * 1-5", "Europe/Berlin")
    assert task.task_data == ('{"target": "billing", "task": "billing.close", "kwargs": {"a": 1}, "queue": "bulk"}')


@pytest.mark.usefixtures("closing")
def test_a_second_import_changes_nothing(dump: Callable[..., Said]) -> None:
    dump("--apply")
    assert dump("--mode", "upsert", "--apply").summary == "0 created, 0 updated, 1 unchanged"


def test_an_interval_goes_on_in_its_rhythm(dump: Callable[..., Said]) -> None:
    ten = _stored("IntervalSchedule", every=10, period="minutes")
    last = datetime(2026, 11, 25, 11, 53, 20, tzinfo=UTC)
    _stored("PeriodicTask", name="Poll", task="a.b", interval=ten, last_run_at=last)

    dump("--apply")
    assert Task.objects.get().next_slot_for == datetime(2026, 11, 25, 12, 3, 20, tzinfo=UTC)


def test_it_refuses_solar_schedules_by_name(dump: Callable[..., Said]) -> None:
    sunrise = _stored("SolarSchedule", event="sunrise", latitude="52.5", longitude="13.4")
    _stored("PeriodicTask", name="Lights", task="a.b", solar=sunrise)

    said = dump()
    assert "Lights: A solar schedule (sunrise) is not known here." in said.err[1]
    assert said.failure == "1 could not be carried over; the lines above say why."


def test_it_refuses_both_days_which_celery_wants_to_match(dump: Callable[..., Said]) -> None:
    friday = _stored("CrontabSchedule", minute="0", hour="0", day_of_month="13", day_of_week="5")
    _stored("PeriodicTask", name="Unlucky", task="a.b", crontab=friday)

    assert "Celery fires where both match" in dump().err[1]


def test_it_leaves_out_what_is_disabled_and_celerys_own(dump: Callable[..., Said]) -> None:
    ten = _stored("IntervalSchedule", every=10, period="minutes")
    _stored("PeriodicTask", name="Off", task="a.b", interval=ten, enabled=False)
    _stored("PeriodicTask", name="celery.backend_cleanup", task="celery.backend_cleanup", interval=ten)

    said = dump()
    assert (said.failure, len([line for line in said.out if line.startswith("  ")])) == (None, 2)
    assert "0 created, 0 updated, 0 unchanged, 2 left out" in said.summary


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        ("{}", "it is not JSON"),
        ('{"a": 1}', "the object must begin"),
        ("[1", "line 1"),
        ("[{]", "it is not JSON"),
    ],
)
def test_it_says_why_a_file_cannot_be_read(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "beat.json").write_text(text)
    assert said in str(command("import_beat", tmp_path / "beat.json", "--target", "billing").failure)


def test_it_asks_for_the_application() -> None:
    assert "--target" in str(command("import_beat", "-").failure)
