"""The form of a calendar: what it holds goes through the services, and what they refuse stands beside its field."""

import json
from typing import TYPE_CHECKING, Any

from django import forms

from register.api.calendar_input import DESCRIPTION_MAX_LENGTH, read_calendar_changes, read_new_calendar
from register.calendars import services
from register.errors import CalendarNameTaken, VersionStale
from register.operators import said
from scheduler import clock
from scheduler.engine import strict_json
from scheduler.engine.calendars import InvalidCalendar, as_document, read_calendar
from scheduler.errors import Fault, InvalidInput, SchedulerError
from scheduler.models import Calendar

# The indented text of the largest rules is a few times their size.
LONGEST_TEXT = 1_000_000

if TYPE_CHECKING:
    Base = forms.ModelForm[Calendar]
else:  # generic for the type checker only
    Base = forms.ModelForm


class RulesField(forms.CharField):
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

    def clean(self, value: Any) -> Any:
        """Return the object. Raises ValidationError."""
        try:
            return strict_json.loads(super().clean(value))
        except strict_json.InvalidJson as error:
            raise forms.ValidationError(f"This is not JSON: {error}", code="invalid") from None


def _short_text() -> forms.Textarea:
    return forms.Textarea(attrs={"class": "vLargeTextField", "rows": 3})


class CalendarForm(Base):
    """Writes by the services: `_post_clean`, where a model's form would check the model, is where they are called."""

    actor = ""

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
    seen_version = forms.IntegerField(required=False, widget=forms.HiddenInput, min_value=0, max_value=2**31 - 1)

    class Meta:
        model = Calendar
        fields = ("name", "namespace", "description", "rules")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("seen_version", self.instance.version)

    def save(self, commit: bool = True) -> Calendar:
        """Return the calendar, which is stored."""
        return self.instance

    def save_m2m(self) -> None:
        """Do nothing: there is nothing more to store."""

    def _post_clean(self) -> None:
        if self.errors:
            return
        try:
            self.instance = self._stored()
        except InvalidInput as refusal:
            for fault in refusal.faults:
                self._refuse(fault)
        except CalendarNameTaken as refusal:
            self.add_error("name", said(refusal))
        except VersionStale:
            self.add_error(None, "Somebody else has changed this calendar since: open it again, then change it.")
        except SchedulerError as refusal:
            self.add_error(None, said(refusal))

    def _stored(self) -> Calendar:
        values = {name: value for name, value in self.cleaned_data.items() if name != "seen_version"}
        for name in ("namespace", "description"):
            if name in values:
                values[name] = values[name] or None
        now = clock.now()
        if self.instance._state.adding:  # noqa: SLF001 - Django documents it as public
            return services.create_calendar(read_new_calendar(values), actor=self.actor, namespace=None, now=now)
        version = self.cleaned_data["seen_version"]
        return services.change_calendar(
            self.instance.id,
            read_calendar_changes(values),
            namespace=None,
            versions=None if version is None else frozenset({version}),
            now=now,
        )

    def _refuse(self, fault: Fault) -> None:
        name, _, below = fault.field.partition(".")
        path = f"{below}: " if below else ""
        self.add_error(name if name in self.fields else None, path + fault.message)
