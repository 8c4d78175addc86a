"""What a schedule means, as a part of a page: plain words, the next slots, what to beware of; or what is wrong."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from register import previewing
from register.admin.schedule_kinds import Kind
from register.admin.task_form import PreviewForm
from register.api.reading import read_preview
from register.previewing import Preview
from scheduler.errors import InvalidInput, SchedulerError
from scheduler.models import Task


def preview_of(form: PreviewForm, *, now: datetime) -> SafeString:
    """Return what the schedule in a form means; nothing is stored."""
    form.full_clean()
    if errors := form.schedule_errors():
        return _part(errors=errors)
    if form.cleaned_data["scheduleKind"] == Kind.REQUEST:
        return _part(description="It runs on request, by an event or after other tasks only.")
    given = form.schedule_document()
    try:
        preview = previewing.preview(read_preview(given), namespace=form.scope, now=now)
    except InvalidInput as refusal:
        return _part(errors=[f"{fault.field}: {fault.message}" for fault in refusal.faults])
    except SchedulerError as refusal:
        return _part(errors=[str(refusal)])
    return _of(preview, expression=given.get("cronExpression"))


def meaning_of(task: Task, *, now: datetime) -> SafeString:
    """Return what the schedule of a stored task means."""
    return _of(previewing.of_task(task, now=now), expression=task.cron_expression)


def _of(preview: Preview, *, expression: str | None) -> SafeString:
    zone = ZoneInfo(preview.time_zone)
    return _part(
        expression=expression,
        description=preview.description,
        zone=preview.time_zone,
        slots=[f"{slot.astimezone(zone):%a %d %b %Y %H:%M:%S %Z}" for slot in preview.slots],
        is_estimated=preview.is_estimated,
        cautions=[caution.message for caution in preview.cautions],
    )


def _part(**shown: Any) -> SafeString:
    return render_to_string("admin/scheduler/task/meaning.html", shown)
