"""`manage.py import_quartz`."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scheduler import clock
from scheduler.models import Task
from tests.integration.register.filing import Said, command

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
JOBS = """<?xml version="1.0" encoding="UTF-8"?>
<job-scheduling-data xmlns="http://www.quartz-scheduler.org/xml/JobSchedulingData" version="2.0">
  <schedule>
    <job><name>Close</name><group>billing</group><job-class>com.acme.Close</job-class></job>
    <trigger><cron><name>nightly</name><job-name>Close</job-name><job-group>billing</job-group>
      <cron-expression>0 30 2 * * ?</cron-expression><time-zone>Europe/Berlin</time-zone></cron></trigger>
  </schedule>
</job-scheduling-data>
"""

pytestmark = pytest.mark.usefixtures("handlers", "at_noon")

Import = Callable[..., Said]


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is noon."""
    monkeypatch.setattr(clock, "now", lambda: NOON)


@pytest.fixture
def imported(tmp_path: Path) -> Import:
    """Imports a file whose class is a handler here, with further arguments."""
    (tmp_path / "classes.json").write_text(json.dumps({"com.acme.Close": "platform.noop"}))

    def run(text: str, *more: object) -> Said:
        (tmp_path / "jobs.xml").write_text(text)
        arguments = (tmp_path / "jobs.xml", "--class-map", tmp_path / "classes.json", "--time-zone", "UTC", *more)
        said = command("import_quartz", *arguments)
        return Said([line.replace(f"{tmp_path}/", "") for line in said.out], said.err, said.failure)

    return run


def test_it_prints_the_plan_and_where_quartz_fires_at_other_times(imported: Import) -> None:
    assert imported(JOBS) == Said(
        [
            "create     default/billing.Close",
            "           next slots: 2026-11-26T01:30:00Z, 2026-11-27T01:30:00Z, 2026-11-28T01:30:00Z",
            "",
            "Slots compared with Quartz, the next 1,000, and the coming year's clock changes:",
            "  0 of 1 tasks: the same",
            "  jobs.xml:5  billing.Close",
            "      7 slots differ: the clock changes then",
            "        Sun 2027-03-28  Quartz: nothing   here: 03:00 +0200",
            "        Sun 2027-10-31  Quartz: 02:30 +0100   here: 02:30 +0200",
            "        Sun 2028-03-26  Quartz: nothing   here: 03:00 +0200",
            "        and on 2 more days",
            "",
            "Dry run: 1 created, 0 updated, 0 unchanged. Nothing was written; --apply does.",
        ],
        [],
    )
    assert not Task.objects.exists()


def test_it_registers_when_told_to(imported: Import) -> None:
    assert imported(JOBS, "--apply").summary == "Quartz still fires them, too: unschedule its jobs."
    task = Task.objects.get()
    assert (task.name, task.task_class, task.labels["quartz-group"]) == ("billing.Close", "platform.noop", "billing")


def test_groups_may_be_namespaces(imported: Import) -> None:
    imported(JOBS, "--apply", "--groups-as-namespaces")
    assert Task.objects.values_list("namespace", "name").get() == ("billing", "Close")


def test_a_second_import_changes_nothing(imported: Import) -> None:
    imported(JOBS, "--apply")
    assert imported(JOBS, "--apply", "--mode", "upsert").summary == "0 created, 0 updated, 1 unchanged"


def test_what_cannot_be_carried_over_makes_the_command_fail(imported: Import) -> None:
    said = imported(JOBS.replace("0 30 2 * * ?", "0 30 2 * *"))
    assert "billing.Close: Quartz itself cannot read '0 30 2 * *'" in said.err[1]
    assert said.failure == "1 could not be carried over; the lines above say why."


def test_it_refuses_document_types(imported: Import) -> None:
    text = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>' + JOBS.partition("?>")[2]
    assert "jobs.xml: it has a document type" in str(imported(text, "--apply").failure)


@pytest.mark.parametrize(
    ("text", "said"),
    [("[]", "it must be an object of texts"), ("{", "it is not JSON"), ('{"a": 1}', "must be an object")],
)
def test_it_refuses_class_maps_that_are_none(imported: Import, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "other.json").write_text(text)
    assert said in str(imported(JOBS, "--class-map", tmp_path / "other.json").failure)


def test_it_refuses_a_class_map_that_is_missing(imported: Import) -> None:
    assert "nowhere: it cannot be read" in str(imported(JOBS, "--class-map", "nowhere").failure)
