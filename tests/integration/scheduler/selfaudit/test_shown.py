"""What probes and Prometheus are shown of the self-audit."""

import psycopg
import pytest
from prometheus_client import CollectorRegistry

from scheduler.connections import current
from scheduler.models import SlotAudit
from scheduler.selfaudit.shown import LastAudits
from tests.integration.scheduler.selfaudit.stage import HOUR, MINUTE, Stage


@pytest.fixture
def shown() -> LastAudits:
    return LastAudits()


def add_run(stage: Stage, *, ended: int, **counts: int) -> None:
    """Add a run that ended so many minutes ago."""
    at = stage.now - ended * MINUTE
    SlotAudit.objects.create(begin=at - HOUR, until=at - 2 * MINUTE, started_at=at, finished_at=at, **counts)


def samples(shown: LastAudits) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(shown)
    return {sample.name: sample.value for metric in registry.collect() for sample in metric.samples}


def test_it_adds_up_the_last_hour(stage: Stage, shown: LastAudits):
    add_run(stage, ended=90, expected=100, missed=9)
    add_run(stage, ended=30, expected=10, missed=1, late=2)
    add_run(stage, ended=5, expected=20, doubled=3)
    shown.read(current(), stage.now)
    assert shown.facts == {"selfAudit": {"expected": 30, "missed": 1, "doubled": 3, "late": 2, "behindSeconds": 7 * 60}}


def test_prometheus_reads_the_same(stage: Stage, shown: LastAudits):
    add_run(stage, ended=5, expected=20, missed=1)
    shown.read(current(), stage.now)
    read = samples(shown)
    assert read["platform_scheduler_self_audit_expected_slots"] == 20
    assert read["platform_scheduler_self_audit_missed_slots"] == 1
    assert read["platform_scheduler_self_audit_behind_seconds"] == 7 * 60


def test_before_the_first_audit_nothing_is_said_of_its_age(stage: Stage, shown: LastAudits):
    shown.read(current(), stage.now)
    assert "platform_scheduler_self_audit_behind_seconds" not in samples(shown)
    assert shown.facts["selfAudit"]["behindSeconds"] is None


def test_a_run_that_has_not_ended_counts_on_nothing(stage: Stage, shown: LastAudits, connection: psycopg.Connection):
    SlotAudit.objects.create(begin=stage.now - HOUR, until=stage.now, started_at=stage.now, missed=7)
    shown.read(current(), stage.now)
    assert shown.facts["selfAudit"]["missed"] == 0
