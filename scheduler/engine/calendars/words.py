"""Plain words for a schedule under a calendar."""

from typing import Final

from scheduler.engine.calendars.effective import CalendarSchedule
from scheduler.engine.calendars.moves import CalendarPolicy
from scheduler.engine.schedules.words import describe

CALENDAR_WORDS: Final = {
    CalendarPolicy.SKIP: "except while its calendar is closed",
    CalendarPolicy.NEXT_OPEN: "moved to the next open day or time where its calendar is closed",
    CalendarPolicy.PREVIOUS_OPEN: "moved to the previous open day or time where its calendar is closed",
}


@describe.register
def _with_calendar(schedule: CalendarSchedule, time_zone: str = "UTC") -> str:
    return f"{describe(schedule.schedule, time_zone)}, {CALENDAR_WORDS[schedule.policy]}"
