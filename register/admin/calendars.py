"""Calendars in the console: what they exclude, who uses them, and the coming year day by day."""

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html

from register.admin.calendar_form import CalendarForm
from register.admin.months import WEEKDAYS, Month, coming_months
from register.calendars import selectors, services
from register.errors import CalendarInUse
from register.operators import actor_of, said
from scheduler import clock
from scheduler.engine.calendars import InvalidCalendar, in_words, read_calendar
from scheduler.errors import SchedulerError
from scheduler.models import Calendar
from scheduler.paging import PagedAdmin

_SHOWN = ("excludes", "tasks", "version", "created_at", "created_by", "updated_at", "id")


@admin.register(Calendar)
class CalendarAdmin(PagedAdmin):
    """Every write goes through the services; a calendar in use is not deleted."""

    form = CalendarForm
    list_display = ("name", "shared_by", "excludes", "tasks", "version", "updated_at")
    search_fields = ("name", "namespace")
    search_help_text = "Part of a name or of a namespace."
    ordering = ("name", "namespace", "id")
    actions = None

    class Media:
        css = {"all": ["register/calendars.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Calendar]:
        """Return the calendars with the numbers of their tasks, by name."""
        return selectors.listed(namespace=None).order_by(*self.ordering)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what a new calendar is made of, and of one that exists what became of it."""
        if obj is None:
            return ("name", "namespace", "description", "rules")
        version = ("seen_version",) if self.has_change_permission(request, obj) else ()
        return ("name", "shared_by", "description", "rules", *_SHOWN, *version)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what a form does not change: tasks and files name a calendar."""
        return () if obj is None else ("name", "shared_by", *_SHOWN)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the form; it knows who acts."""
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.actor = actor_of(request)
        return form

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show a calendar with its coming months."""
        calendar = self.get_object(request, unquote(object_id))
        months = _months(calendar) if calendar is not None else []
        context = {"months": months, "weekdays": WEEKDAYS} | (extra_context or {})
        return super().change_view(request, object_id, form_url, context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Do nothing: the form has stored it, through the services."""

    def delete_model(self, request: HttpRequest, obj: Calendar) -> None:
        """Delete through the service, which looks once more whether a task uses it."""
        services.delete_calendar(obj.id, namespace=None, now=clock.now())

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Ask, then delete; a task that came to use it meanwhile keeps it."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except SchedulerError as refusal:
            self.message_user(request, f"It was not deleted: {said(refusal)}", messages.ERROR)
            return HttpResponseRedirect(reverse("admin:scheduler_calendar_changelist"))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Return what a deletion meets: of tasks their number and some names, for there may be very many."""
        protected: list[str] = []
        for calendar in objs:
            try:
                services.refuse_use(calendar)
            except CalendarInUse as refusal:
                protected.append(str(refusal))
        return [str(calendar) for calendar in objs], {"calendars": len(objs)}, set(), protected

    @admin.display(description="namespace", ordering="namespace")
    def shared_by(self, calendar: Calendar) -> str:
        """Show whose it is."""
        return calendar.namespace or "shared by all"

    @admin.display(description="excludes")
    def excludes(self, calendar: Calendar) -> str:
        """Show its rules in words."""
        try:
            return in_words(read_calendar(calendar.rules))
        except InvalidCalendar as refusal:
            return f"⚠ {refusal}"

    @admin.display(description="tasks", ordering="task_count")
    def tasks(self, calendar: Any) -> str:
        """Show how many tasks use it, and how many of them its latest rules have not moved yet."""
        waiting = f"◷ {calendar.pending_count:,} still to move" if calendar.pending_count else ""
        path = reverse("admin:scheduler_task_changelist")
        return format_html(
            '<a href="{}?calendar__id__exact={}">{}</a> {}', path, calendar.id, f"{calendar.task_count:,}", waiting
        )


def _months(calendar: Calendar) -> list[Month]:
    try:
        rules = read_calendar(calendar.rules)
    except InvalidCalendar:
        return []
    return coming_months(rules, today=clock.now().astimezone(ZoneInfo(rules.time_zone or "UTC")).date())
