"""Tasks in the console: defined, looked at, run, paused, resumed and deleted, by the services of the API."""

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Upper
from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.views.decorators.http import require_POST

from register.admin.meanings import meaning_of, preview_of
from register.admin.task_form import PreviewForm, TaskForm
from register.operators import actor_of
from scheduler import clock, display, strips
from scheduler.engine.explanations import CLAIM_LATE_AFTER
from scheduler.engine.states import TaskStatus
from scheduler.filters import TaskFilter, searched
from scheduler.models import Task
from scheduler.paging import OfferedFilter, SearchedAdmin
from scheduler.seats import scope_of
from scheduler.selections import BulkAdmin, Filter
from scheduler.upcoming import upcoming

PREVIEW: Final = "scheduler_task_preview"
REASON_LENGTH: Final = 60

# What stands of a task, whatever its form says.
STANDING: Final = ("state", "next_fire", "executions", "version", "created_by", "updated_at", "id")
SHOWN: Final = (
    "name", "namespace", "state", "next_fire", "next_ten", "executions", "description", "owner", "labels",
    "task_class", "task_data", "cron_expression", "time_zone", "interval_seconds", "interval_mode", "run_at",
    "start_at", "end_at", "jitter_seconds", "flex_seconds", "calendar", "calendar_policy", "skip_slots",
    "misfire_policy", "misfire_grace_seconds", "catch_up_limit", "overlap_policy", "max_concurrency",
    "auto_pause_after_failures", "failed_slot_count", "priority", "queue", "depends_on", "dependency_mode",
    "listens_to", "uses", "circuit_policy", "notify_on", "sla", "timeout_seconds", "max_retry_count", "retry_policy",
    "retry_on", "version", "created_at", "created_by", "updated_at", "id",
)  # fmt: skip
EDITED: Final = [
    ("Task", {"fields": (
        "name", ("namespace", "owner"), "description", ("taskClass", "queue", "priority"), "taskData", "labels",
    )}),
    ("Schedule", {"classes": ["schedule"], "fields": (
        "scheduleKind", "everyMinutes", "atMinute", "weekdays", "monthDay", "atTime", "runOn",
        ("intervalCount", "intervalUnit", "intervalMode"), "cronExpression", "timeZone", "meaning",
    )}),
    ("Where and when not", {"classes": ["collapse"], "fields": (
        ("calendar", "calendarPolicy"), ("startAt", "endAt"), ("jitterSeconds", "flexSeconds"),
    )}),
    ("Missed and overlapping slots", {"fields": (
        ("misfirePolicy", "misfireGraceSeconds", "catchUpLimit"), ("overlapPolicy", "maxConcurrency"),
    )}),
    ("Failures", {"fields": (
        ("timeoutSeconds", "maxRetryCount", "autoPauseAfterFailures"), "retryOn",
        ("retryBackoff", "retryDelaySeconds", "retryMaxDelaySeconds", "retryJitter"), ("uses", "circuitPolicy"),
    )}),
    ("Dependencies and events", {"classes": ["collapse"], "fields": (
        "dependencies", "dependencyMode", "listensTo",
    )}),
    ("SLA and notifications", {"classes": ["collapse"], "fields": ("sla", "notifyOn")}),
]  # fmt: skip


class StatusFilter(OfferedFilter):
    """By status; deleted tasks are shown when they are asked for."""

    title = parameter_name = "status"
    words = tuple(TaskStatus)

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Return the choices; the first leaves deleted tasks out, and says so."""
        first, *others = super().choices(changelist)
        return iter([{**first, "display": "All but deleted"}, *others])


class LateFilter(OfferedFilter):
    """Due and not claimed, or queued and not started, for too long."""

    title = parameter_name = "late"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the one question."""
        return [("true", "Late")]


@admin.register(Task)
class TaskAdmin(SearchedAdmin, BulkAdmin):
    """What the form holds goes through the services: written as rows it would undo what the claim moves on."""

    list_class = TaskFilter
    scoped_by = "namespace"
    acts_on = "tasks"
    list_display = ("named", "state", "next_fire", "last_runs", "what")
    list_display_links = None
    list_filter = (StatusFilter, LateFilter)
    search_fields = ("name",)
    search_help_text = "Part of a name, or an id."
    ordering = ("-created_at", "id")
    form = TaskForm
    actions = ("run_now", "pause", "resume", "set_fields", "delete")

    class Media:
        css = {"all": ["register/editor.css"]}
        js = ["register/editor.js"]

    def get_urls(self) -> list[Any]:
        """Return the pages, and what the editor asks for while somebody types."""
        preview = path("preview/", self.admin_site.admin_view(require_POST(self.preview_view)), name=PREVIEW)
        return [preview, *super().get_urls()]

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """Answer what the schedule that was typed means, or what is wrong with it; nothing is stored."""
        if not (super().has_add_permission(request) or super().has_change_permission(request)):
            raise PermissionDenied
        form: Any = type("PreviewForm", (PreviewForm,), {"scope": scope_of(request)})
        return HttpResponse(preview_of(form(request.POST), now=clock.now()))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the form for whoever may write, else what there is to be seen."""
        if obj is None:
            return EDITED
        if not self.has_change_permission(request, obj):
            return [(None, {"fields": SHOWN})]
        return [(None, {"fields": (*STANDING, "seen_version")}), *EDITED]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what no form changes."""
        if obj is None:
            return ("meaning",)
        return (*STANDING, "meaning") if self.has_change_permission(request, obj) else SHOWN

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the form; it knows who acts."""
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.actor, form.scope = actor_of(request), scope_of(request)
        return form

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Do nothing: the form has stored it, through the services."""

    @admin.display(description="what this means")
    def meaning(self, task: Any) -> str:
        """Show what the schedule means; the editor asks again while somebody types."""
        shown = meaning_of(task, now=clock.now()) if task is not None and task.name else ""
        return format_html('<div id="meaning" data-preview="{}">{}</div>', reverse(f"admin:{PREVIEW}"), shown)

    def matching(self, term: str) -> Q:
        """Ask for the id, or for a part of the name."""
        try:
            return Q(id=UUID(term))
        except ValueError:
            return Q(id__in=searched(name__contains=Upper(Value(term))))

    @admin.display(description="name", ordering="name")
    def named(self, task: Task) -> str:
        """Lead to the task's page."""
        return format_html('<a href="{}">{}</a>', reverse("admin:task", args=[task.id]), task.name)

    @admin.display(description="state", ordering="status")
    def state(self, task: Any) -> str:
        """Show the status, and why it is paused; a task whose slot nobody has claimed is late first of all."""
        if task.claim_at is not None and task.looked_at - task.claim_at > CLAIM_LATE_AFTER:
            return f"⚠ Late by {display.span(task.looked_at - task.claim_at)}"
        until = f" until {display.absolute(task.paused_until)}" if task.paused_until else ""
        reason = f": {task.pause_reason}" if task.pause_reason and task.status == TaskStatus.PAUSED else ""
        return f"{display.state(task.status)}{until}{reason}"

    @admin.display(description="next fire", ordering="next_execution_time")
    def next_fire(self, task: Any) -> str:
        """Show the next fire, absolute and relative."""
        if task.next_execution_time is None:
            return "not by itself" if task.status == TaskStatus.ACTIVE else "never"
        return display.moment(task.next_execution_time, task.looked_at)

    @admin.display(description="class and namespace", ordering="task_class")
    def what(self, task: Task) -> str:
        """Show what it runs, and where it belongs."""
        return format_html('{}<br><span class="quiet">{}</span>', task.task_class, task.namespace)

    @admin.display(description="last runs", ordering="last_executed_at")
    def last_runs(self, task: Any) -> str:
        """Show its last runs as a strip, and when the last began; a list has read those of all its tasks at once."""
        runs = task.runs if hasattr(task, "runs") else strips.last_runs([task.id])[task.id]
        began = display.relative(task.last_executed_at, task.looked_at) if task.last_executed_at else "never ran"
        strip = format_html('<a href="{}">{}</a>', self._history(task), display.strip(runs)) if runs else ""
        return format_html('{}<br><span class="quiet">{}</span>{}', strip, began, _trouble_of(task))

    def _history(self, task: Task) -> str:
        return f"{reverse('admin:scheduler_execution_changelist')}?taskId={task.id}"

    @admin.display(description="next ten")
    def next_ten(self, task: Any) -> str:
        """Show the next ten slots that will run."""
        slots = upcoming(task, count=10)
        return format_html_join("", "{}<br>", ((display.moment(slot, task.looked_at),) for slot in slots)) or "none"

    @admin.display(description="depends on")
    def depends_on(self, task: Task) -> str:
        """Show what it waits for, each with its condition."""
        lines = ((name or upstream.task_id, upstream.condition.lower()) for upstream, name in task.named_upstreams)
        return format_html_join("", "{} ({})<br>", lines) or "nothing"

    @admin.display(description="history")
    def executions(self, task: Task) -> str:
        """Lead to its executions."""
        return format_html('{}<br><a href="{}">All executions</a>', self.last_runs(task), self._history(task))

    @admin.action(description="Run now…", permissions=["bulk"])
    def run_now(self, request: HttpRequest, _chosen: QuerySet[Task]) -> HttpResponse | None:
        """Ask whether what was chosen is to run, whatever its schedules say."""
        return self.ask(request, "trigger")

    @admin.action(description="Pause…", permissions=["bulk"])
    def pause(self, request: HttpRequest, _chosen: QuerySet[Task]) -> HttpResponse | None:
        """Ask for a reason and an end, then pause what was chosen."""
        return self.ask(request, "pause")

    @admin.action(description="Resume…", permissions=["bulk"])
    def resume(self, request: HttpRequest, _chosen: QuerySet[Task]) -> HttpResponse | None:
        """Ask whether what was chosen is to fire again."""
        return self.ask(request, "resume")

    @admin.action(description="Set priority, queue or labels…", permissions=["change"])
    def set_fields(self, request: HttpRequest, _chosen: QuerySet[Task]) -> HttpResponse | None:
        """Ask what is to be set on what was chosen."""
        return self.ask(request, "set")

    @admin.action(description="Delete (history stays)…", permissions=["delete"])
    def delete(self, request: HttpRequest, _chosen: QuerySet[Task]) -> HttpResponse | None:
        """Ask whether what was chosen is to be deleted."""
        return self.ask(request, "delete")

    def searched_as(self, request: HttpRequest, term: str) -> Filter:
        """Return a search as a filter."""
        try:
            return {"ids": [str(UUID(term))]}
        except ValueError:
            return {"search": [term]}

    def has_bulk_permission(self, request: HttpRequest) -> bool:
        """Allow whoever may operate tasks; who may define them may do that too."""
        return request.user.has_perm("scheduler.operate_task") or request.user.has_perm("scheduler.change_task")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the list, its tasks with their last runs."""
        listed = super().get_changelist_instance(request)
        runs = strips.last_runs([task.id for task in listed.result_list])
        troubles = {task_id: strips.trouble_of(of_task) for task_id, of_task in runs.items()}
        reasons = strips.reasons([trouble for trouble in troubles.values() if trouble is not None])
        for task in listed.result_list:
            task.runs, task.trouble = runs[task.id], troubles[task.id]
            task.trouble_reason = reasons.get(task.id, "")
        return listed

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Allow whoever may add tasks."""
        return admin.ModelAdmin.has_add_permission(self, request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow whoever may change tasks; a deleted one is for looking."""
        may_change = admin.ModelAdmin.has_change_permission(self, request)
        return may_change and (obj is None or obj.status != TaskStatus.DELETED)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow the verb to whoever may delete tasks; rows stay."""
        return obj is None and super().has_delete_permission(request)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return the verbs without Django's own deletion of rows: history refers to them."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions


def _trouble_of(task: Any) -> str:
    """Return how the latest slot failed, and why, in a line."""
    trouble = getattr(task, "trouble", None)
    if trouble is None:
        return ""
    why = task.trouble_reason
    short = why if len(why) <= REASON_LENGTH else f"{why[:REASON_LENGTH]}…"
    return format_html('<br><span class="bad" title="{}">{} {}</span>', why, display.state(trouble.status), short)
