"""Calendars: what keeps slots from running or moves them, free of database, clock and network (contract §7)."""

from scheduler.engine.calendars.calendar import LONGEST_MOVE_DAYS, Calendar, build_calendar, calendar_of
from scheduler.engine.calendars.document import read_calendar
from scheduler.engine.calendars.effective import CalendarSchedule, running_slots, with_calendar
from scheduler.engine.calendars.errors import Fault, InvalidCalendar
from scheduler.engine.calendars.moves import CalendarPolicy
from scheduler.engine.calendars.rules import CalendarRules, HolidayRule
from scheduler.engine.calendars.words import CALENDAR_WORDS

__all__ = [
    "CALENDAR_WORDS",
    "LONGEST_MOVE_DAYS",
    "Calendar",
    "CalendarPolicy",
    "CalendarRules",
    "CalendarSchedule",
    "Fault",
    "HolidayRule",
    "InvalidCalendar",
    "build_calendar",
    "calendar_of",
    "read_calendar",
    "running_slots",
    "with_calendar",
]
