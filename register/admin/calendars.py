"""Calendars in the console: what they exclude, who uses them, and the coming year day by day."""

from typing import Any, Final

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from register.admin.calendar_form import CalendarForm
from register.admin.calendar_months import months_of, preview_of
from register.calendars import selectors, services
from register.errors import CalendarInUse
from register.operators import actor_of, said
from scheduler import clock
from scheduler.engine.calendars import InvalidCalendar, in_words, read_calendar
from scheduler.errors import SchedulerError
from scheduler.models import Calendar
from scheduler.paging import PagedAdmin
from scheduler.seats import scope_of

PREVIEW: Final = "scheduler_calendar_preview"
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
        css = {"all": ["register/editor.css", "register/calendars.css"]}
        js = ["register/editor.js"]

    def get_urls(self) -> list[Any]:
        """Return the pages, and what the form asks for while somebody types."""
        preview = path("preview/", self.admin_site.admin_view(require_POST(self.preview_view)), name=PREVIEW)
        return [preview, *super().get_urls()]

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """Answer which days the rules that were typed close, or what is wrong with them; nothing is stored."""
        if not (self.has_add_permission(request) or self.has_change_permission(request)):
            raise PermissionDenied
        return HttpResponse(preview_of(request.POST.get("rules", ""), now=clock.now()))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Calendar]:
        """Return the calendars with the numbers of their tasks, by name."""
        return selectors.listed(namespace=scope_of(request)).order_by(*self.ordering)

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
        form.actor, form.scope = actor_of(request), scope_of(request)
        return form

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show a calendar with its coming months; whoever may write it sees them change while typing."""
        calendar = self.get_object(request, unquote(object_id)) if object_id else None
        may_write = self.has_change_permission(request, calendar) if object_id else self.has_add_permission(request)
        context = {
            "months": months_of(calendar, now=clock.now()) if calendar is not None else "",
            "preview": reverse(f"admin:{PREVIEW}") if may_write else "",
        }
        return super().changeform_view(request, object_id, form_url, context | (extra_context or {}))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Do nothing: the form has stored it, through the services."""

    def delete_model(self, request: HttpRequest, obj: Calendar) -> None:
        """Delete through the service, which looks once more whether a task uses it."""
        services.delete_calendar(obj.id, namespace=scope_of(request), now=clock.now())

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
