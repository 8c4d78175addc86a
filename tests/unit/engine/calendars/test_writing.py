"""The way back to a document: sorted, nothing twice, and read as the same rules again."""

from datetime import date

import pytest
from hypothesis import given

from scheduler.engine.calendars import as_document, closed_days, open_ranges, read_calendar
from tests.unit.engine.calendars.cases import documents

NEAR = date(2026, 3, 29)

WRITTEN = [
    ({}, {}),
    ({"timeZone": None, "dates": [], "weekdays": []}, {}),
    ({"timeZone": "Europe/Berlin"}, {"timeZone": "Europe/Berlin"}),
    ({"weekdays": ["sun", "SAT", "SUN"]}, {"weekdays": ["SAT", "SUN"]}),
    ({"dates": ["2026-12-24", "2026-01-02", "2026-12-24"]}, {"dates": ["2026-01-02", "2026-12-24"]}),
    ({"dates": [{"from": "2026-12-24", "to": "2026-12-24"}]}, {"dates": ["2026-12-24"]}),
    ({"recurringDates": [{"from": "12-24", "to": "01-01"}, "02-29"]},
     {"recurringDates": ["02-29", {"from": "12-24", "to": "01-01"}]}),
    ({"holidays": [{"country": "DE", "region": "BY"}, {"country": "AT", "region": None}]},
     {"holidays": [{"country": "AT"}, {"country": "DE", "region": "BY"}]}),
    ({"excludedTimes": [{"from": "22:00:00", "to": "06:00:30"}]},
     {"excludedTimes": [{"from": "22:00", "to": "06:00:30"}]}),
    ({"allowedTimes": [{"from": "08:00:00", "to": "24:00"}]}, {"allowedTimes": [{"from": "08:00", "to": "24:00"}]}),
]  # fmt: skip


@pytest.mark.parametrize(("document", "written"), WRITTEN)
def test_it_writes_one_document_for_equal_rules(document, written):
    assert as_document(read_calendar(document)) == written


@given(documents(NEAR))
def test_what_it_writes_is_read_as_the_same_rules(document):
    rules = read_calendar(document)

    again = read_calendar(as_document(rules))

    assert as_document(again) == as_document(rules)
    assert list(closed_days(again, NEAR, 100)) == list(closed_days(rules, NEAR, 100))
    assert open_ranges(again) == open_ranges(rules)


@pytest.mark.parametrize(
    ("document", "ranges"),
    [
        ({}, [("00:00", "24:00")]),
        ({"excludedTimes": [{"from": "22:00", "to": "06:00"}]}, [("06:00", "22:00")]),
        ({"allowedTimes": [{"from": "08:00", "to": "12:00"}, {"from": "11:00", "to": "18:00"}]}, [("08:00", "18:00")]),
        ({"excludedTimes": [{"from": "00:00", "to": "24:00"}]}, []),
    ],
)
def test_it_tells_the_open_times_of_a_day(document, ranges):
    assert [(each["from"], each["to"]) for each in open_ranges(read_calendar(document))] == ranges
