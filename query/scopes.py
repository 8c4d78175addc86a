"""Reads of which slots a report on SLA is asked for; the API and the console ask alike."""

from datetime import date, timedelta
from typing import Final
from uuid import UUID

from django.core.exceptions import ValidationError

from query.compliance import DEFAULT_WEEKS, LONGEST, Scope
from scheduler.filters import LabelsField
from scheduler.parameters import Reader

PARAMETERS: Final = ("startDate", "endDate", "namespace", "taskId", "label")


def read(reader: Reader, *, bound_to: str | None, today: date) -> Scope:
    """Return whose slots are asked for; what is wrong is noted on the reader."""
    last = reader.day("endDate", default=today)
    first = reader.day("startDate", default=last - timedelta(days=last.weekday()) - DEFAULT_WEEKS)
    if not first <= last <= first + LONGEST:
        reader.refuse("endDate", "invalid", f"This must be startDate or up to {LONGEST.days} days later.")
    return Scope(
        first=first,
        last=last,
        today=today,
        bound_to=bound_to,
        namespace=_plain(reader, "namespace"),
        task_id=_identifier(reader, "taskId"),
        labels=_labels(reader),
    )


def _plain(reader: Reader, name: str) -> str | None:
    text = reader.parameters.get(name) or None
    if text and "\0" in text:
        reader.refuse(name, "invalid", "This may not hold the character NUL.")
    return text


def _identifier(reader: Reader, name: str) -> UUID | None:
    text = reader.parameters.get(name)
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        reader.refuse(name, "invalid", "This must be an id, a UUID.")
        return None


def _labels(reader: Reader) -> dict[str, str]:
    try:
        labels: dict[str, str] = LabelsField(required=False).clean([t for t in reader.parameters.getlist("label") if t])
        return labels
    except ValidationError as refusal:
        reader.refuse("label", "invalid", refusal.messages[0])
        return {}
