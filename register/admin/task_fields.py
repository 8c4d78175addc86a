"""The fields of a task's form: what can be typed, in which words it is asked for, and what a field says of itself."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from register.admin.json_fields import JsonField
from register.admin.schedule_kinds import MINUTES, MONTH_DAYS, UNITS, WEEKDAYS, Kind
from register.admin.service_form import ServiceForm
from scheduler.engine.calendars import CalendarPolicy
from scheduler.engine.retry import BACKOFFS, RETRYABLE
from scheduler.engine.workflows import Condition, Mode
from scheduler.models import Task
from scheduler.models.choices import IntervalMode


class Suggesting(forms.TextInput):
    """A line of text that offers what is known, and takes anything."""

    def __init__(self, known: Iterable[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.known = known

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Return the field with its list."""
        options = format_html_join("", '<option value="{}">', ((one,) for one in self.known))
        field = super().render(name, value, {**(attrs or {}), "list": f"known-{name}"}, renderer)
        return format_html('{}<datalist id="known-{}">{}</datalist>', field, name, options)


class LocalField(forms.DateTimeField):
    """A date and time of no zone: the task's own zone says which instant it is."""

    def to_python(self, value: Any) -> datetime | None:
        """Return what was typed. Raises ValidationError."""
        typed = super().to_python(value)
        return typed.replace(tzinfo=None) if typed is not None else None


def _choices(words: Iterable[str]) -> list[tuple[str, str]]:
    return [(word, word.replace("_", " ").lower()) for word in words]


def _number(label: str, text: str = "") -> forms.IntegerField:
    return forms.IntegerField(label=label, required=False, help_text=text)


def _text(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"class": "vLargeTextField", "rows": rows, "spellcheck": "false"})


class TaskFields(ServiceForm):
    """What the form of a task asks for."""

    name = forms.CharField(max_length=255)
    namespace = forms.CharField(max_length=100, required=False, help_text="Who has access, and shares fairly.")
    description = forms.CharField(required=False, widget=_text(2))
    owner = forms.CharField(required=False, help_text="Who answers for it.")
    labels = forms.CharField(required=False, widget=_text(2), help_text="One key: value a line.")
    taskClass = forms.ChoiceField(label="Task class", help_text="What workers have announced.")
    taskData = forms.CharField(label="Task data", required=False, widget=_text(4), help_text="A JSON object.")

    scheduleKind = forms.ChoiceField(
        label="Runs",
        widget=forms.RadioSelect,
        choices=[
            (Kind.EVERY, "Every few minutes"), (Kind.HOURLY, "Hourly"), (Kind.DAILY, "Daily"),
            (Kind.WEEKLY, "Weekly"), (Kind.MONTHLY, "Monthly"), (Kind.INTERVAL, "At an interval"),
            (Kind.ONCE, "Once"), (Kind.ADVANCED, "Advanced"), (Kind.REQUEST, "On request"),
        ],
        initial=Kind.DAILY,
    )  # fmt: skip
    everyMinutes = forms.TypedChoiceField(
        label="Every", coerce=int, required=False, choices=[(one, f"{one} min") for one in MINUTES], initial=15
    )
    atMinute = forms.IntegerField(label="At minute", required=False, min_value=0, max_value=59, initial=0)
    weekdays = forms.MultipleChoiceField(
        label="On", required=False, choices=[(day, day.capitalize()) for day in WEEKDAYS],
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    monthDay = forms.ChoiceField(
        label="On day", required=False, choices=[
            (day, {"L": "the last day", "LW": "the last working day"}.get(day, day)) for day in MONTH_DAYS
        ],
    )  # fmt: skip
    atTime = forms.TimeField(
        label="At", required=False, initial="00:00", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    runOn = LocalField(
        label="On", required=False, help_text="A local time of the zone.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S"),
    )  # fmt: skip
    intervalCount = forms.IntegerField(label="Every", required=False, min_value=1, initial=1)
    intervalUnit = forms.ChoiceField(
        label="Unit", required=False, choices=[(unit, unit) for unit in UNITS], initial="hours"
    )
    intervalMode = forms.ChoiceField(
        label="Counted from", required=False,
        choices=[(IntervalMode.FIXED_RATE, "the slot before"), (IntervalMode.FIXED_DELAY, "the end of the run before")],
    )  # fmt: skip
    cronExpression = forms.CharField(
        label="Expression", required=False, max_length=100, strip=False,
        help_text="Quartz: second minute hour day month weekday [year]; or Unix cron with five fields.",
    )  # fmt: skip
    timeZone = forms.CharField(label="Time zone", widget=Suggesting(sorted(available_timezones())))
    startAt = forms.CharField(label="Not before", required=False, help_text="As in 2026-12-01T06:00:00Z.")
    endAt = forms.CharField(label="Not from", required=False, help_text="As in 2026-12-01T06:00:00Z.")
    jitterSeconds = _number("Jitter, s", "Spreads slots over so many seconds.")
    flexSeconds = _number("Flex, s", "A free window behind each slot, used where the forecast is low.")
    calendar = forms.ChoiceField(required=False)
    calendarPolicy = forms.ChoiceField(label="On closed days", required=False, choices=_choices(CalendarPolicy))
    misfirePolicy = forms.ChoiceField(
        label="Missed slots", required=False,
        choices=[("FIRE_ONCE", "run the latest"), ("FIRE_ALL", "run the newest, oldest first"), ("SKIP", "run none")],
    )  # fmt: skip
    misfireGraceSeconds = _number("Grace, s", "So late, a slot is not missed yet.")
    catchUpLimit = _number("Most caught up", "Most missed slots that run.")
    overlapPolicy = forms.ChoiceField(
        label="Where one still runs", required=False,
        choices=[
            ("ALLOW", "run beside it"), ("SKIP", "leave the slot out"), ("QUEUE", "wait for it"),
            ("CANCEL_RUNNING", "cancel it"),
        ],
    )  # fmt: skip
    maxConcurrency = _number("At once", "Executions of this task at once.")

    priority = _number("Priority", "1 to 10, 10 first.")
    queue = forms.CharField(required=False)
    timeoutSeconds = _number("Timeout, s")
    maxRetryCount = _number("Retries")
    retryOn = forms.MultipleChoiceField(
        label="Retry on", required=False, choices=_choices(sorted(RETRYABLE)), widget=forms.CheckboxSelectMultiple
    )
    retryBackoff = forms.ChoiceField(label="Backoff", required=False, choices=_choices(BACKOFFS))
    retryDelaySeconds = forms.FloatField(label="Delay, s", required=False)
    retryMaxDelaySeconds = forms.FloatField(label="Longest delay, s", required=False)
    retryJitter = forms.BooleanField(label="Jitter", required=False)
    autoPauseAfterFailures = _number("Pause after", "So many failed slots in a row; empty is never.")
    dependencies = forms.CharField(
        label="Waits for", required=False, widget=_text(3),
        help_text=f"One task a line, by name or id; then, if not SUCCESS, : and one of {', '.join(Condition)}.",
    )  # fmt: skip
    dependencyMode = forms.ChoiceField(label="Of these", required=False, choices=_choices(Mode))
    listensTo = JsonField(
        label="Listens to", required=False, widget=_text(3),
        help_text='Events that start it: [{"event": "file.landed", "match": {"kind": "csv"}}].',
    )  # fmt: skip
    uses = forms.CharField(
        label="Uses", required=False, help_text="Services that it calls, with commas between: each has a circuit."
    )
    circuitPolicy = forms.ChoiceField(
        label="While one of them fails", required=False, choices=[("WAIT", "wait"), ("SKIP", "leave the slot out")]
    )
    notifyOn = JsonField(
        label="Notifies", required=False, widget=_text(3),
        help_text="Of what, and by which channel; empty is the namespace's channel on failure and auto-pause.",
    )  # fmt: skip
    sla = JsonField(
        label="SLA", required=False, widget=_text(2),
        help_text='What it promises: {"maxLatenessSeconds": 60, "maxDurationSeconds": 600, "deadlineAt": "06:00"}.',
    )  # fmt: skip

    class Meta:
        model = Task
        fields = ()
