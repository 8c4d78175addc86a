"""Turns the jobs and triggers of Quartz's XML into records: each trigger becomes a task of its job's class."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from register.imports.item import LABEL, LeftOut, Read, item, refused
from register.imports.literal import literal
from register.imports.quartz_timing import Refused, timing
from register.imports.quartz_xml import Element

SOURCE = "quartz"
GROUP_LABEL = "quartz-group"
DEFAULT_GROUP = "DEFAULT"
TIMEOUT_SECONDS = 86_400
MOST_PRIORITY = 10
# The built-in handlers fill in templates, others have templates of their own.
FILLED = "platform."

Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """How jobs are to become tasks; `classes` maps job-class to taskClass."""

    time_zone: str = "UTC"
    classes: Mapping[str, str] = field(default_factory=dict)
    groups_are_namespaces: bool = False
    allows_unknown: bool = False
    queue: str | None = None


def read(elements: Callable[[], Iterator[Element]], choices: Choices, *, file: str) -> Iterator[Read]:
    """Yield what becomes of each trigger and of each job without one; the file is gone through twice.

    A task is called after its job; where that has several triggers, after both.
    """
    jobs = {_key(each): each for each in elements() if each.name == "job"}
    triggers = Counter(_job_of(each) for each in elements() if each.name == "trigger")
    for each in elements():
        place = f"{file}:{each.line}"
        if each.name == "trigger":
            yield _of_trigger(each, jobs, place, choices, is_only=triggers[_job_of(each)] == 1)
        elif not triggers[_key(each)]:
            yield _of_job_alone(each, place, choices)


def _of_trigger(trigger: Element, jobs: Mapping[Key, Element], place: str, choices: Choices, *, is_only: bool) -> Read:
    inner = trigger.children[0] if trigger.children else Element("nothing", trigger.line)
    job = jobs.get(_job_of(trigger))
    if job is None:
        return refused(place, f"Its job {'.'.join(_job_of(trigger))} is not in this file.")
    name = _name(job, choices)
    if not is_only:
        name = f"{name}: {inner.get('name') or ''}"
    try:
        found = timing(inner, time_zone=choices.time_zone)
        fields = _fields(job, choices) | {
            "name": name,
            "description": inner.get("description") or job.get("description"),
            "taskData": _task_data(job, inner, choices),
            **found.fields,
            "priority": _priority(inner),
        }
    except Refused as refusal:
        return refused(f"{place} {name}", str(refusal))
    return item(fields, place, was=found.was, notes=found.notes)


def _of_job_alone(job: Element, place: str, choices: Choices) -> Read:
    if job.get("durability") != "true":
        return LeftOut(place, f"has no trigger and is not durable, so that Quartz drops it: {job.get('name')}")
    fields = _fields(job, choices) | {"taskData": _task_data(job, job, choices)}
    return item(fields, place, notes=("It has no trigger: it runs on request only.",))


def _fields(job: Element, choices: Choices) -> dict[str, Any]:
    is_recovered = job.get("recover") == "true"
    group = _key(job)[0]
    return {
        "name": _name(job, choices),
        "namespace": group if choices.groups_are_namespaces and group != DEFAULT_GROUP else None,
        "description": job.get("description"),
        "taskClass": _task_class(job, choices),
        "allowUnknownTaskClass": True if choices.allows_unknown else None,
        "timeoutSeconds": TIMEOUT_SECONDS,  # Quartz interrupts nothing by itself
        # Quartz tries nothing again, but what its scheduler's death has cut off where a job asks for it.
        "maxRetryCount": 1 if is_recovered else 0,
        "retryOn": ["LOST"] if is_recovered else None,
        "queue": choices.queue,
        "labels": {LABEL: SOURCE, GROUP_LABEL: group},
    }


def _name(job: Element, choices: Choices) -> str:
    group, name = _key(job)
    return name if group == DEFAULT_GROUP or choices.groups_are_namespaces else f"{group}.{name}"


def _key(job: Element) -> Key:
    return job.get("group") or DEFAULT_GROUP, job.get("name") or ""


def _job_of(trigger: Element) -> Key:
    inner = trigger.children[0] if trigger.children else trigger
    return inner.get("job-group") or DEFAULT_GROUP, inner.get("job-name") or ""


def _task_data(job: Element, trigger: Element, choices: Choices) -> dict[str, str] | None:
    data = _data(job) | _data(trigger)
    is_filled = _task_class(job, choices).startswith(FILLED)
    return (literal(data) if is_filled else data) or None


def _task_class(job: Element, choices: Choices) -> str:
    job_class = job.get("job-class") or ""
    return choices.classes.get(job_class, job_class)


def _data(element: Element) -> dict[str, str]:
    entries = element.child("job-data-map")
    if entries is None:
        return {}
    return {each.get("key") or "": each.get("value") or "" for each in entries.children if each.name == "entry"}


def _priority(trigger: Element) -> int | None:
    text = trigger.get("priority")
    if text is None:
        return None
    try:
        priority = int(text)
    except ValueError:
        raise Refused(f"priority {text[:50]!r} is no whole number.") from None
    # Both begin with 5 and run the greater one first; a task's lies between 1 and 10.
    return min(max(priority, 1), MOST_PRIORITY)
