"""The coming months of a calendar as a part of a page: as its rules are stored, or as somebody types them."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from register.admin.calendar_form import RulesField
from register.admin.months import WEEKDAYS, coming_months
from register.api.calendar_input import read_calendar_preview
from scheduler.engine.calendars import CalendarRules, InvalidCalendar, in_words, read_calendar
from scheduler.errors import InvalidInput
from scheduler.models import Calendar


def months_of(calendar: Calendar, *, now: datetime) -> SafeString:
    """Return the coming months of a stored calendar; nothing where its rules cannot be read."""
    try:
        return _part(read_calendar(calendar.rules), now=now, is_stored=True)
    except InvalidCalendar:
        return SafeString()


def preview_of(typed: str, *, now: datetime) -> SafeString:
    """Return the coming months of rules that somebody types, or what is wrong with them; nothing is stored."""
    try:
        given = read_calendar_preview({"rules": RulesField().clean(typed)})
    except ValidationError as refusal:
        return _errors([f"rules: {message}" for message in refusal.messages])
    except InvalidInput as refusal:
        return _errors([f"{fault.field}: {fault.message}" for fault in refusal.faults])
    return _part(read_calendar(given["rules"]), now=now, is_stored=False)


def _part(rules: CalendarRules, *, now: datetime, is_stored: bool) -> SafeString:
    months = coming_months(rules, today=now.astimezone(ZoneInfo(rules.time_zone or "UTC")).date())
    return _rendered(months=months, weekdays=WEEKDAYS, words=in_words(rules), is_stored=is_stored)


def _errors(errors: list[str]) -> SafeString:
    return _rendered(errors=errors)


def _rendered(**shown: Any) -> SafeString:
    return render_to_string("admin/scheduler/calendar/months.html", shown)
