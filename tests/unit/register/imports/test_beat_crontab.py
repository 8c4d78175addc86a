"""register.imports.beat_crontab and celery_slots: crontabs of Celery."""

from datetime import UTC, datetime, timedelta

import pytest

from register.imports.beat_crontab import NotExpressible, expression
from register.imports.celery_slots import CelerySlots, UnreadableCrontab
from scheduler.engine.schedules import parse_cron

SPRING, AUTUMN = datetime(2027, 3, 27, 23, 30, tzinfo=UTC), datetime(2027, 10, 30, 21, 30, tzinfo=UTC)
FAR = datetime(2050, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("after", "utc"), [(SPRING, "01:30"), (AUTUMN, "00:30")])
def test_it_asks_celery_itself_what_happens_when_the_clock_changes(after: datetime, utc: str) -> None:
    slots = CelerySlots(("30", "2", "*", "*", "*"), "Europe/Berlin").slots(after=after, until=FAR, count=1)
    assert [f"{slot:%H:%M}" for slot in slots] == [utc]


def test_it_ends_where_celery_gives_up() -> None:
    leap_sundays = CelerySlots(("0", "0", "29", "2", "0"), "UTC")
    assert len(leap_sundays.slots(after=SPRING, until=FAR, count=10)) < 10


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ("0 9 * * mon-fri", "0 9 * * 1-5"),
        ("0 9 * * monday,sunday", "0 9 * * 0-1"),
        ("0 9 * jan,mar *", "0 9 * 1,3 *"),
        ("*/15 8-17/2 * * *", "*/15 8-17/2 * * *"),
        ("*/70 3 * * *", "0 3 * * *"),
        ("0-59 0-23 1-31 1-12 0-6", "* * * * *"),
        ("0 9 */2 * 1", "0 9 */2 * 1"),
        ("0 9 1-31 * 1", "0 9 * * 1"),
        ("0 9 1-7 * 1", "0 0 9 ? * 2#1"),
        ("0 9 22-28 * sun", "0 0 9 ? * 1#4"),
        ("30 * 29-31 6 5", "0 30 * ? 6 6#5"),
    ],
)
def test_a_crontab_of_celery_becomes_an_expression_that_fires_alike(texts: str, expected: str) -> None:
    fields = tuple(texts.split())
    assert expression(fields) == expected
    after = datetime(2026, 11, 29, 12, tzinfo=UTC)
    celerys = CelerySlots(fields, "UTC").slots(after=after, until=datetime(2050, 1, 1, tzinfo=UTC), count=60)
    ours = parse_cron(expected, "UTC").between(after + timedelta(seconds=1), datetime(2050, 1, 1, tzinfo=UTC), limit=60)
    assert celerys == list(ours)


@pytest.mark.parametrize("texts", ["0 0 13 * 5", "0 0 1-7 * 1,2", "0 0 1-8 * 1", "0 0 25-31 * 5"])
def test_it_refuses_what_must_match_both_days(texts: str) -> None:
    with pytest.raises(NotExpressible, match="Celery fires where both match"):
        expression(tuple(texts.split()))


@pytest.mark.parametrize("texts", ["0 9 * * 7", "60 * * * *", "x * * * *", "0 0 31 2 *", "*/0 * * * *", ", * * * *"])
def test_it_says_what_celery_itself_cannot_read(texts: str) -> None:
    with pytest.raises(UnreadableCrontab):
        expression(tuple(texts.split()))
