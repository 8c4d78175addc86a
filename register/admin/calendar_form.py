"""The form of a calendar: what it holds goes through the services, and what they refuse stands beside its field."""

import json
from typing import Any

from django import forms

from register.admin.json_fields import JsonField
from register.admin.service_form import ServiceForm
from register.api.calendar_input import DESCRIPTION_MAX_LENGTH, read_calendar_changes, read_new_calendar
from register.calendars import services
from scheduler import clock
from scheduler.engine.calendars import InvalidCalendar, as_document, read_calendar
from scheduler.models import Calendar

# The indented text of the largest rules is a few times their size.
LONGEST_TEXT = 1_000_000


class RulesField(JsonField):
    """A JSON object as text; comes out as the object, and keeps what was typed where that is none."""

    widget = forms.Textarea(attrs={"class": "vLargeTextField calendar-rules", "rows": 16, "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        """Return the text to show: what was typed, or what is stored in the order in which it is written about."""
        if isinstance(value, str):
            return value
        try:
            ordered = as_document(read_calendar(value or {}))
        except InvalidCalendar:
            ordered = value
        return json.dumps(ordered, indent=2, ensure_ascii=False)


def _short_text() -> forms.Textarea:
    return forms.Textarea(attrs={"class": "vLargeTextField", "rows": 3})


class CalendarForm(ServiceForm):
    """A calendar; only a new one is named."""

    namespace = forms.CharField(
        max_length=100, required=False, help_text="The one namespace that may use it; empty is shared by all."
    )
    description = forms.CharField(max_length=DESCRIPTION_MAX_LENGTH, required=False, widget=_short_text())
    rules = RulesField(
        max_length=LONGEST_TEXT,
        help_text='What is closed: {"weekdays": ["SAT", "SUN"], "holidays": [{"country": "DE", "region": "BY"}], '
        '"dates": ["2026-12-24", {"from": "2026-07-27", "to": "2026-08-14"}], "recurringDates": ["12-24"], '
        '"excludedTimes": [{"from": "22:00", "to": "06:00"}], "allowedTimes": [], "timeZone": "Europe/Berlin"}',
    )

    class Meta:
        model = Calendar
        fields = ("name", "namespace", "description", "rules")

    def stored(self) -> Calendar:
        """Store the calendar by its service, and return it."""
        now = clock.now()
        if self.is_new:
            given = read_new_calendar(self.typed())
            return services.create_calendar(given, actor=self.actor, namespace=self.scope, now=now)
        changes = read_calendar_changes(self.typed())
        return services.change_calendar(
            self.instance.id, changes, namespace=self.scope, versions=self.versions, now=now
        )
