"""The cast of calendars: one that all share, one of payments, and tasks that use them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from register.api.calendar_input import read_calendar_changes, read_new_calendar
from register.calendars import services
from scheduler.models import Calendar

WEEKENDS = {"weekdays": ["SAT", "SUN"]}

NewCalendar = Callable[..., Calendar]


def create(name: str, *, at: datetime, rules: Any = WEEKENDS, **fields: Any) -> Calendar:
    """Create a calendar from fields of the API, as edda."""
    given = read_new_calendar({"name": name, "rules": rules} | fields)
    return services.create_calendar(given, actor="edda", namespace=None, now=at)


def edit(calendar: Calendar, *, at: datetime, **fields: Any) -> Calendar:
    """Change a calendar by fields of the API."""
    return services.change_calendar(calendar.id, read_calendar_changes(fields), namespace=None, now=at)


@pytest.fixture
def new_calendar(now: datetime) -> NewCalendar:
    """Creates a calendar from fields of the API, closed at weekends unless said otherwise."""
    return lambda name="Bavaria", **fields: create(name, at=now, **fields)


@pytest.fixture
def shared(new_calendar: NewCalendar) -> Calendar:
    """A calendar that all share."""
    return new_calendar()


@pytest.fixture
def paydays(new_calendar: NewCalendar) -> Calendar:
    """A calendar of payments."""
    return new_calendar("Paydays", namespace="payments")
