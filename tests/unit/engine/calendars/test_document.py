"""Refusals of calendar documents: every fault with its path and what to write instead."""

import pickle

import pytest

from scheduler.engine.calendars import CalendarRules, HolidayRule, InvalidCalendar, read_calendar

REFUSED: list[tuple[object, str, str, str]] = [
    ([], "", "invalid", "This must be an object with timeZone, dates"),
    ("weekends", "", "invalid", "This must be an object"),
    (None, "", "invalid", "This must be an object"),
    ({"timezone": "UTC"}, "timezone", "unknown", "Did you mean 'timeZone'?"),
    ({"recuringDates": []}, "recuringDates", "unknown", "Did you mean 'recurringDates'?"),
    ({"colour": 1}, "colour", "unknown", "Use timeZone, dates, recurringDates"),
    ({"timeZone": "Berlin"}, "timeZone", "invalid", "did you mean Europe/Berlin?"),
    ({"timeZone": 1}, "timeZone", "invalid", "This must be a text."),
    ({"dates": "2026-01-01"}, "dates", "invalid", "This must be a list."),
    ({"dates": ["2026-12-24", "24.12.2026"]}, "dates[1]", "invalid", "write it as 2026-12-24."),
    ({"dates": ["2026-02-30"]}, "dates[0]", "invalid", "'2026-02-30' is not a date"),
    ({"dates": ["20261224"]}, "dates[0]", "invalid", "is not a date"),
    ({"dates": ["2200-01-01"]}, "dates[0]", "invalid", "use years 1970 to 2199."),
    ({"dates": [20261224]}, "dates[0]", "invalid", "This must be a text."),
    ({"dates": [{"from": "2026-02-01", "to": "2026-01-01"}]}, "dates[0]", "invalid", "write from 2026-01-01 to"),
    ({"dates": [{"from": "2026-02-01"}]}, "dates[0].to", "required", "This is missing."),
    ({"dates": [{"from": "2026-02-01", "to": "x"}]}, "dates[0].to", "invalid", "'x' is not a date"),
    ({"dates": [{"from": "2026-02-01", "to": "2026-02-02", "of": 1}]}, "dates[0].of", "unknown", "Use from, to."),
    ({"dates": ["2026-01-01"] * 1001}, "dates", "invalid", "There are 1001 items; use at most 1000."),
    ({"recurringDates": ["02-30"]}, "recurringDates[0]", "invalid", "write month and day as 12-24."),
    ({"recurringDates": ["2026-02-03"]}, "recurringDates[0]", "invalid", "write month and day as 12-24."),
    ({"recurringDates": ["12-24"] * 367}, "recurringDates", "invalid", "use at most 366."),
    ({"weekdays": ["SUNDAY"]}, "weekdays[0]", "invalid", "Did you mean 'SUN'?"),
    ({"weekdays": ["SAT", 1]}, "weekdays[1]", "invalid", "Write the weekday's name, MON to SUN."),
    ({"weekdays": ["X"]}, "weekdays[0]", "invalid", "'X' is not a weekday. Use MON to SUN."),
    ({"weekdays": ["SAT"] * 8}, "weekdays", "invalid", "use at most 7."),
    ({"holidays": ["DE"]}, "holidays[0]", "invalid", "This must be an object with country, region."),
    ({"holidays": [{"region": "BY"}]}, "holidays[0].country", "required", "This is missing."),
    ({"holidays": [{"country": "DEU"}]}, "holidays[0].country", "invalid", "did you mean 'DE'?"),
    ({"holidays": [{"country": "Germny"}]}, "holidays[0].country", "invalid", "did you mean 'DE'?"),
    ({"holidays": [{"country": "de"}]}, "holidays[0].country", "invalid", "did you mean 'DE'?"),
    ({"holidays": [{"country": "XY"}]}, "holidays[0].country", "invalid", "a two-letter code of ISO 3166"),
    ({"holidays": [{"country": "x" * 9999}]}, "holidays[0].country", "invalid", "a two-letter code"),
    ({"holidays": [{"country": "DE", "region": "DE-BY"}]}, "holidays[0].region", "invalid", "did you mean 'BY'?"),
    ({"holidays": [{"country": "DE", "region": "Bayern"}]}, "holidays[0].region", "invalid", "did you mean 'BY'?"),
    ({"holidays": [{"country": "DE", "region": "??"}]}, "holidays[0].region", "invalid", "use one of BB, BE"),
    ({"holidays": [{"country": "DE", "region": 9}]}, "holidays[0].region", "invalid", "This must be a text."),
    ({"holidays": [{"country": "JP", "region": "13"}]}, "holidays[0].region", "invalid", "leave region out."),
    ({"holidays": [{"country": "DE"}] * 21}, "holidays", "invalid", "use at most 20."),
    ({"excludedTimes": [{"from": "8:00", "to": "09:00"}]}, "excludedTimes[0].from", "invalid", "write it as 08:30"),
    ({"excludedTimes": [{"from": "08:00", "to": "24:01"}]}, "excludedTimes[0].to", "invalid", "from 00:00 to 24:00."),
    ({"excludedTimes": [{"from": "08:00", "to": "08:60"}]}, "excludedTimes[0].to", "invalid", "not a time of day"),
    ({"excludedTimes": [{"from": "08:00", "to": "08:00"}]}, "excludedTimes[0]", "invalid", "write from 00:00 to 24:00"),
    ({"allowedTimes": {}}, "allowedTimes", "invalid", "This must be a list."),
    ({"allowedTimes": [{"from": "08:00", "to": "09:00"}] * 49}, "allowedTimes", "invalid", "use at most 48."),
]  # fmt: skip


@pytest.mark.parametrize(("document", "path", "code", "remedy"), REFUSED)
def test_it_refuses_a_document_by_path_and_remedy(document, path, code, remedy):
    with pytest.raises(InvalidCalendar) as refused:
        read_calendar(document)
    [fault] = refused.value.faults
    assert (fault.path, fault.code) == (path, code)
    assert remedy in fault.message


def test_it_tells_every_fault_at_once():
    document = {"dates": ["x", "2026-01-01", {"to": "y"}], "weekdays": ["SUNDAY"], "colour": 1}
    with pytest.raises(InvalidCalendar) as refused:
        read_calendar(document)
    paths = [fault.path for fault in refused.value.faults]
    assert sorted(paths) == ["colour", "dates[0]", "dates[2].from", "dates[2].to", "weekdays[0]"]


def test_it_reads_every_rule():
    document = {
        "timeZone": "Europe/Berlin",
        "dates": ["2026-12-24"],
        "recurringDates": ["02-29", {"from": "12-24", "to": "01-01"}],
        "weekdays": ["SAT", "sun"],
        "holidays": [{"country": "DE", "region": "BY"}, {"country": "FR", "region": None}],
        "excludedTimes": [{"from": "22:00", "to": "06:00:30"}],
        "allowedTimes": [{"from": "00:00", "to": "24:00"}],
    }
    rules = read_calendar(document)
    assert rules.holidays == (HolidayRule("DE", "BY"), HolidayRule("FR"))
    assert rules.recurring_dates == (((2, 29), (2, 29)), ((12, 24), (1, 1)))
    assert (set(rules.weekdays), rules.excluded_times) == ({5, 6}, ((79200, 21630),))
    assert (rules.time_zone, rules.allowed_times) == ("Europe/Berlin", ((0, 86400),))


def test_it_excludes_nothing_without_rules():
    assert read_calendar({"timeZone": None}) == CalendarRules()


def test_it_carries_a_refusal_across_processes():
    with pytest.raises(InvalidCalendar) as refused:
        read_calendar({"dates": ["x"]})
    received = pickle.loads(pickle.dumps(refused.value))  # noqa: S301
    assert (received.faults, str(received)) == (refused.value.faults, str(refused.value))
