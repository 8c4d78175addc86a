"""The form of a task: it makes what the API takes of what was typed, and shows what is refused beside its field."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID
from zoneinfo import available_timezones

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from register import services
from register.admin.schedule_kinds import MINUTES, MONTH_DAYS, PARTS, UNITS, WEEKDAYS, Kind, parts_of, schedule_of
from register.api.reading import read_changes, read_new_task
from register.definition import defaults
from register.errors import NameTaken, VersionStale
from register.operators import said
from scheduler import clock
from scheduler.engine import strict_json
from scheduler.engine.calendars import CalendarPolicy
from scheduler.engine.retry import BACKOFFS, RETRYABLE
from scheduler.engine.workflows import Condition, Mode
from scheduler.errors import Fault, InvalidInput, SchedulerError
from scheduler.models import Calendar, Handler, Task
from scheduler.models.choices import IntervalMode
from scheduler.representations import definition_as_json

if TYPE_CHECKING:
    Base = forms.ModelForm[Task]
else:  # generic for the type checker only
    Base = forms.ModelForm

MOST_OFFERED: Final = 1_000
SCHEDULE: Final = frozenset({"cronExpression", "intervalSeconds", "runAt"})
RETRY: Final = {
    "backoff": "retryBackoff", "delaySeconds": "retryDelaySeconds", "maxDelaySeconds": "retryMaxDelaySeconds",
    "jitter": "retryJitter",
}  # fmt: skip
# Fields that are what the API's are, by their own names.
PLAIN: Final = (
    "name", "namespace", "description", "owner", "taskClass", "taskData", "timeZone", "intervalMode", "startAt",
    "endAt", "jitterSeconds", "calendar", "calendarPolicy", "misfirePolicy", "misfireGraceSeconds", "catchUpLimit",
    "overlapPolicy", "maxConcurrency", "autoPauseAfterFailures", "priority", "queue", "dependencyMode",
    "timeoutSeconds", "maxRetryCount", "retryOn",
)  # fmt: skip


JSON: Final = ("listensTo", "notifyOn", "sla")


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


class JsonField(forms.CharField):
    """A part of a definition as JSON; what was typed stays where it is none."""

    def prepare_value(self, value: Any) -> Any:
        """Return the text to show."""
        return value if isinstance(value, str) or not value else json.dumps(value, indent=2, ensure_ascii=False)

    def clean(self, value: Any) -> Any:
        """Return what the text says, None where it says nothing. Raises ValidationError."""
        text = super().clean(value)
        try:
            return strict_json.loads(text) if text else None
        except strict_json.InvalidJson as error:
            raise forms.ValidationError(f"This is not JSON: {error}", code="invalid") from None


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


class TaskForm(Base):
    """Writes by the services: `_post_clean`, where a model's form would check the model, is where they are called."""

    actor = ""

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
    retryBackoff = forms.ChoiceField(label="Back-off", required=False, choices=_choices(BACKOFFS))
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
    notifyOn = JsonField(
        label="Notifies", required=False, widget=_text(3),
        help_text="Of what, and by which channel; empty is the namespace's channel on failure and auto-pause.",
    )  # fmt: skip
    sla = JsonField(
        label="SLA", required=False, widget=_text(2),
        help_text='What it promises: {"maxLatenessSeconds": 60, "maxDurationSeconds": 600, "deadlineAt": "06:00"}.',
    )  # fmt: skip
    seen_version = forms.IntegerField(required=False, widget=forms.HiddenInput, min_value=0, max_value=2**31 - 1)

    class Meta:
        model = Task
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_new = self.instance._state.adding  # noqa: SLF001 - Django documents it as public
        self.before = defaults() if self.is_new else definition_as_json(self.instance)
        if not self.is_new:
            self.initial.setdefault("seen_version", self.instance.version)
            self.initial.update(parts_of(self.before))
        self.initial.update({name: self.before.get(name) for name in (*PLAIN, *JSON)} | self._spread())
        self._offer("taskClass", Handler.objects.order_by("task_class").values_list("task_class", flat=True))
        self._offer("calendar", Calendar.objects.order_by("name").values_list("name", flat=True).distinct(), "none")

    def document(self) -> dict[str, Any]:
        """Return what the API would take of what was typed: what differs from what stands there, or is the default."""
        typed = {name: value for name, value in self.cleaned_data.items() if name in PLAIN}
        whole = {name: None if value == "" else value for name, value in typed.items()} | self._schedule()
        whole |= {name: self.cleaned_data.get(name) for name in JSON}
        whole["listensTo"] = whole["listensTo"] or []
        whole["labels"] = dict(_pairs(self.cleaned_data.get("labels", "")))
        whole["retryPolicy"] = {name: self.cleaned_data.get(field) for name, field in RETRY.items()}
        whole["dependencies"] = [*_upstreams(self.cleaned_data.get("dependencies", ""))]
        return {name: value for name, value in whole.items() if self._differs(name, value)}

    def schedule_document(self) -> dict[str, Any]:
        """Return what a preview takes of what was typed."""
        names = ("timeZone", "intervalMode", "startAt", "endAt", "jitterSeconds", "calendar", "calendarPolicy")
        given = {name: self.cleaned_data.get(name) for name in names} | self._schedule()
        return {name: value for name, value in given.items() if value not in (None, "")}

    def clean(self) -> Any:
        """Ask for the parts that the kind of schedule needs."""
        values = super().clean() or self.cleaned_data
        for name in _parts(values):
            if name not in self.errors and values.get(name) in (None, "", []):
                self.add_error(name, "Say this for such a schedule.")
        for line in filter(None, map(str.strip, values.get("labels", "").splitlines())):
            if ":" not in line:
                self.add_error("labels", f"{line[:50]!r} is no label: write key: value.")
        return values

    def save(self, commit: bool = True) -> Task:
        """Return the task, which is stored."""
        return self.instance

    def save_m2m(self) -> None:
        """Do nothing: there is nothing more to store."""

    def refuse(self, faults: Iterable[Fault]) -> None:
        """Show what was refused, each beside the field where it was typed."""
        for fault in faults:
            name, _, below = fault.field.replace("[", ".", 1).partition(".")
            if name == "retryPolicy" and below in RETRY:
                name, below = RETRY[below], ""
            elif name in SCHEDULE and self.cleaned_data.get("scheduleKind") != Kind.ADVANCED:
                name = "scheduleKind"
            self.add_error(
                name if name in self.fields else None, f"{below}: {fault.message}" if below else fault.message
            )

    def _post_clean(self) -> None:
        if self.errors:
            return
        try:
            self.instance = self._stored()
        except InvalidInput as refusal:
            self.refuse(refusal.faults)
        except NameTaken as refusal:
            self.add_error("name", said(refusal))
        except VersionStale:
            self.add_error(None, "Somebody else has changed this task since: open it again, then change it.")
        except SchedulerError as refusal:
            self.add_error(None, said(refusal))

    def _stored(self) -> Task:
        now = clock.now()
        if self.is_new:
            return services.create_task(read_new_task(self.document()), actor=self.actor, namespace=None, now=now)
        version = self.cleaned_data["seen_version"]
        versions = None if version is None else frozenset({version})
        changes = read_changes(self.document())
        return services.change_task(self.instance.id, changes, namespace=None, versions=versions, now=now)

    def _schedule(self) -> dict[str, Any]:
        kind = Kind(self.cleaned_data["scheduleKind"])
        if kind is Kind.ONCE and not {"scheduleKind", "runOn", "timeZone"} & set(self.changed_data):
            return {name: self.before[name] for name in SCHEDULE}  # a fraction of a second is not shown
        return schedule_of(kind, self.cleaned_data, time_zone=self.cleaned_data.get("timeZone", "UTC"))

    def _spread(self) -> dict[str, Any]:
        """Return the initial values of fields that hold a part of one of the API's, or more than one of them."""
        labels: Mapping[str, str] = self.before.get("labels") or {}
        upstreams: list[dict[str, Any]] = self.before.get("dependencies") or []
        policy: Mapping[str, Any] = self.before.get("retryPolicy") or {}
        return {
            "labels": "\n".join(f"{key}: {value}" for key, value in labels.items()),
            "dependencies": "\n".join(_line(one) for one in upstreams),
            **{field: policy.get(name) for name, field in RETRY.items()},
        }

    def _differs(self, name: str, value: Any) -> bool:
        before = self.before.get(name)
        if name == "dependencies":
            return bool([_line(one) for one in before or []] != [_line(one) for one in value])
        if name == "taskData" and value and before:
            return bool(_as_object(value) != _as_object(before))
        return bool(value != before)

    def _offer(self, name: str, known: Iterable[str], nothing: str | None = None) -> None:
        if name not in self.fields:  # whoever may only look has no form
            return
        current = self.before.get(name)
        offered = dict.fromkeys([*([current] if current else []), *list(known)[:MOST_OFFERED]])
        field: Any = self.fields[name]
        field.choices = [*([("", nothing)] if nothing else []), *((one, one) for one in offered)]


class PreviewForm(TaskForm):
    """The same, of which nothing is stored."""

    def schedule_errors(self) -> list[str]:
        """Return what is wrong with the schedule, by the labels of its fields."""
        names = {"scheduleKind", "timeZone", *_parts(self.cleaned_data)}
        return [f"{self.fields[name].label}: {error}" for name in names for error in self.errors.get(name, ())]

    def _post_clean(self) -> None:
        """Store nothing."""


def _parts(values: Mapping[str, Any]) -> tuple[str, ...]:
    kind = values.get("scheduleKind")
    return PARTS[Kind(kind)] if kind else ()


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for line in filter(None, map(str.strip, text.splitlines())):
        key, _, value = line.partition(":")
        yield key.strip(), value.strip()


def _upstreams(text: str) -> Iterator[dict[str, str]]:
    """Yield the upstreams of lines: a name may hold a colon, what follows the last one is a condition or part of it."""
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, condition = (part.strip() for part in line.rpartition(":"))
        if condition not in set(Condition) or not name:
            name, condition = line, Condition.SUCCESS
        yield {"taskId" if _is_id(name) else "name": name, "condition": str(condition)}


def _line(upstream: Mapping[str, Any]) -> str:
    condition = upstream.get("condition") or Condition.SUCCESS
    name = upstream.get("name") or upstream.get("taskId")
    return f"{name}" if condition == Condition.SUCCESS else f"{name}: {condition}"


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _as_object(text: Any) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return text
