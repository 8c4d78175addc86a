"""What import_quartz takes Quartz to do, asked of a real one."""

from datetime import UTC, datetime, timedelta

import pytest

from register.imports.quartz_slots import QuartzSlots
from register.imports.quartz_timing import as_quartz_reads
from scheduler.engine.schedules import parse_cron
from tests.quartz.conftest import Ask

EXPRESSIONS = (
    "0 30 2 * * ?", "0 0 2 ? * SUN", "0 0/20 2 * * ?", "0 15 * * * ?", "0 0 0/2 * * ?", "0 30 1 * * ?", "0 0 3 * * ?",
    "0 0 6 L * ?", "0 30 2 ? * 1L", "0 30 0 * * ?",
)  # fmt: skip
BEFORE_CHANGES = {
    "Europe/Berlin": ("2027-03-27T12:00:00", "2027-03-28T00:30:00", "2027-10-30T12:00:00", "2027-10-30T23:10:00"),
    "America/New_York": ("2027-03-13T12:00:00", "2027-03-14T06:30:00", "2027-11-06T12:00:00", "2027-11-07T04:10:00"),
    "Australia/Lord_Howe": ("2027-04-03T10:00:00", "2027-10-02T10:00:00"),
}
CASES = [
    (text, zone, int(datetime.fromisoformat(f"{instant}+00:00").timestamp()))
    for text in EXPRESSIONS
    for zone, instants in BEFORE_CHANGES.items()
    for instant in instants
]
STEPS = ("0 0 6 ? * MON-FRI/2", "0 0 6 ? * mon/2", "0 0 6 1 JAN-JUN/3 ?", "0 0 6 ? JAN/2 SUN-TUE/2")


def _ours(text: str, zone: str, after: int) -> str:
    start = datetime.fromtimestamp(after, UTC)
    slots = QuartzSlots(text, zone).slots(after=start, until=start + timedelta(days=800), count=3)
    return " ".join(str(int(slot.timestamp())) for slot in slots)


def test_it_knows_when_quartz_fires_where_the_clock_changes(ask: Ask) -> None:
    assert [_ours(*case) for case in CASES] == ask(CASES)


@pytest.mark.parametrize("text", STEPS)
def test_it_drops_the_steps_that_quartz_reads_over(ask: Ask, text: str) -> None:
    after = int(datetime(2027, 1, 4, tzinfo=UTC).timestamp())
    read = as_quartz_reads(text)
    slots = parse_cron(read, "UTC").between(datetime(2027, 1, 4, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC), limit=3)
    assert read != text
    assert ask([(text, "UTC", after)]) == [" ".join(str(int(slot.timestamp())) for slot in slots)]
