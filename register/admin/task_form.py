"""The form of a task: it makes what the API takes of what was typed, and shows what is refused beside its field."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from register import services
from register.admin.schedule_kinds import PARTS, Kind, parts_of, schedule_of
from register.admin.service_form import parted
from register.admin.task_fields import TaskFields
from register.api.reading import read_changes, read_new_task
from register.definition import defaults
from scheduler import clock
from scheduler.engine.changes import same
from scheduler.engine.workflows import Condition
from scheduler.errors import Fault
from scheduler.models import Calendar, Handler, Task
from scheduler.representations import definition_as_json
from scheduler.seats import within

MOST_OFFERED: Final = 1_000
SCHEDULE: Final = frozenset({"cronExpression", "intervalSeconds", "runAt"})
RETRY: Final = {
    "backoff": "retryBackoff", "delaySeconds": "retryDelaySeconds", "maxDelaySeconds": "retryMaxDelaySeconds",
    "jitter": "retryJitter",
}  # fmt: skip
# Fields that are what the API's are, by their own names.
PLAIN: Final = (
    "name", "namespace", "description", "owner", "taskClass", "taskData", "timeZone", "intervalMode", "startAt",
    "endAt", "jitterSeconds", "flexSeconds", "calendar", "calendarPolicy", "misfirePolicy", "misfireGraceSeconds",
    "catchUpLimit",
    "overlapPolicy", "maxConcurrency", "autoPauseAfterFailures", "priority", "queue", "dependencyMode",
    "timeoutSeconds", "maxRetryCount", "retryOn", "circuitPolicy",
)  # fmt: skip
JSON: Final = ("listensTo", "notifyOn", "sla")


class TaskForm(TaskFields):
    """A task, of whose fields those are given that differ from what stands there."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.before = defaults() if self.is_new else definition_as_json(self.instance)
        if self.is_new and self.scope:
            self.before["namespace"] = self.scope
        if not self.is_new:
            self.initial.update(parts_of(self.before))
        self.initial.update({name: self.before.get(name) for name in (*PLAIN, *JSON)} | self._spread())
        self._offer("taskClass", Handler.objects.order_by("task_class").values_list("task_class", flat=True))
        calendars = within(Calendar.objects.filter(deleted_at=None), self.scope, field="namespace", is_shared=True)
        self._offer("calendar", calendars.order_by("name").values_list("name", flat=True).distinct(), "none")

    def document(self) -> dict[str, Any]:
        """Return what the API would take of what was typed: what differs from what stands there, or is the default."""
        typed = {name: value for name, value in self.cleaned_data.items() if name in PLAIN}
        whole = {name: None if value == "" else value for name, value in typed.items()} | self._schedule()
        whole |= {name: self.cleaned_data.get(name) for name in JSON}
        whole["listensTo"] = whole["listensTo"] or []
        whole["uses"] = [name for name in map(str.strip, self.cleaned_data.get("uses", "").split(",")) if name]
        whole["labels"] = dict(_pairs(self.cleaned_data.get("labels", "")))
        whole["retryPolicy"] = {name: self.cleaned_data.get(field) for name, field in RETRY.items()}
        whole["dependencies"] = [*_upstreams(self.cleaned_data.get("dependencies", ""))]
        return {name: value for name, value in whole.items() if self._differs(name, value)}

    def schedule_document(self) -> dict[str, Any]:
        """Return what a preview takes of what was typed."""
        names = (
            "timeZone",
            "intervalMode",
            "startAt",
            "endAt",
            "jitterSeconds",
            "flexSeconds",
            "calendar",
            "calendarPolicy",
        )
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

    def stored(self) -> Task:
        """Register the task or change it."""
        now = clock.now()
        if self.is_new:
            return services.create_task(read_new_task(self.document()), actor=self.actor, namespace=self.scope, now=now)
        changes = read_changes(self.document())
        return services.change_task(self.instance.id, changes, namespace=self.scope, versions=self.versions, now=now)

    def _refuse(self, fault: Fault) -> None:
        name, below = parted(fault.field)
        if name == "retryPolicy" and below in RETRY:
            fault = replace(fault, field=RETRY[below])
        elif name in SCHEDULE and self.cleaned_data.get("scheduleKind") != Kind.ADVANCED:
            fault = replace(fault, field=fault.field.replace(name, "scheduleKind", 1))
        super()._refuse(fault)

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
            "uses": ", ".join(self.before.get("uses") or ()),
            "dependencies": "\n".join(_line(one) for one in upstreams),
            **{field: policy.get(name) for name, field in RETRY.items()},
        }

    def _differs(self, name: str, value: Any) -> bool:
        before = self.before.get(name)
        if name == "dependencies":
            return bool([_line(one) for one in before or []] != [_line(one) for one in value])
        if name == "taskData" and value and before:
            return not same(_as_object(value), _as_object(before))
        return not same(value, before)

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
    except (ValueError, RecursionError):
        return text
