"""POST /api/v1/schedules/preview, asked for what takes long to work out."""

from collections.abc import Iterator
from datetime import timedelta
from time import perf_counter
from typing import Any

import pytest

from tests.integration.conftest import Caller

pytestmark = pytest.mark.anywhere


def _closed(first: str, last: str) -> dict[str, Any]:
    return {"dates": [{"from": first, "to": last}]}


_JANUARY = {"recurringDates": [{"from": "01-02", "to": "01-31"}]}
_MOST_DAYS = {"recurringDates": [{"from": f"{month:02d}-02", "to": f"{month:02d}-28"} for month in range(1, 13)]}


def _hard() -> Iterator[dict[str, Any]]:
    for start in ("1970-01-01T00:00:00Z", "2026-07-03T00:00:00Z", "2036-01-01T23:59:58Z", "2199-12-01T00:00:00Z"):
        for policy in ("SKIP", "NEXT_OPEN", "PREVIOUS_OPEN"):
            under = {"calendarPolicy": policy, "count": 100, "from": start}
            yield under | {"cronExpression": "* * * * * ?", "calendarRules": _closed("2026-01-01", "2035-12-31")}
            yield under | {"cronExpression": "0 0 0 L-29W * ?", "calendarRules": {"weekdays": ["MON", "TUE", "WED"]}}
            yield under | {"cronExpression": "0 0 0 29 2 ? */7", "calendarRules": {"weekdays": ["SAT", "SUN", "MON"]}}
            yield under | {"intervalSeconds": 1, "calendarRules": {"allowedTimes": [{"from": "00:00", "to": "00:01"}]}}
    for policy in ("NEXT_OPEN", "PREVIOUS_OPEN"):
        busy = {"calendarPolicy": policy, "from": "2027-02-01T23:59:50Z", "count": 100, "jitterSeconds": 1}
        yield busy | {"cronExpression": "*/2 * * * * ?", "calendarRules": _JANUARY}
        yield busy | {"cronExpression": "*/2 * * * * ?", "calendarRules": _MOST_DAYS}


@pytest.mark.parametrize("fields", list(_hard()))
def test_it_answers_soon_whatever_is_asked(viewer: Caller, fields: dict[str, Any]) -> None:
    begun = perf_counter()
    answer = viewer.send("post", "schedules/preview", fields)
    took = timedelta(seconds=perf_counter() - begun)

    assert answer.status_code == 200
    assert took < timedelta(seconds=5)  # it takes one at most; machines that test do other things meanwhile
