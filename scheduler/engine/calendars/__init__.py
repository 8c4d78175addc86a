"""Calendars: what keeps slots from running or moves them, free of database, clock and network (docs/schedules.md)."""

from scheduler.engine.calendars.calendar import LONGEST_MOVE_DAYS, Calendar, build_calendar, calendar_of
from scheduler.engine.calendars.closures import ClosedDay, closed_days, in_words
from scheduler.engine.calendars.document import read_calendar
from scheduler.engine.calendars.effective import CalendarSchedule, running_slots, with_calendar
from scheduler.engine.calendars.errors import Fault, InvalidCalendar
from scheduler.engine.calendars.moves import CalendarPolicy
from scheduler.engine.calendars.rules import CalendarRules, HolidayRule
from scheduler.engine.calendars.words import CALENDAR_WORDS
from scheduler.engine.calendars.writing import as_document, open_ranges

__all__ = [
    "CALENDAR_WORDS",
    "LONGEST_MOVE_DAYS",
    "Calendar",
    "CalendarPolicy",
    "CalendarRules",
    "CalendarSchedule",
    "ClosedDay",
    "Fault",
    "HolidayRule",
    "InvalidCalendar",
    "as_document",
    "build_calendar",
    "calendar_of",
    "closed_days",
    "in_words",
    "open_ranges",
    "read_calendar",
    "running_slots",
    "with_calendar",
]
