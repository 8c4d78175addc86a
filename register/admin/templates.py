"""Templates in the console: written, instantiated; what a change would do to tasks is shown before it is done."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from register.admin.service_form import ServiceAdmin
from register.admin.template_form import TemplateForm, ValuesForm
from register.errors import TemplateNotFound
from register.operators import actor_of, said
from register.templating import instances, selectors, services
from scheduler import clock
from scheduler.errors import InvalidInput, SchedulerError
from scheduler.models import Template
from scheduler.seats import scope_of

MOST_VERSIONS = 20
# Hundreds of tasks that cannot have a version; beyond, the API goes on after any task.
MOST_PASSED_OVER = 10


@admin.register(Template)
class TemplateAdmin(ServiceAdmin):
    """Every write goes through the services; a template with tasks is not deleted."""

    form = TemplateForm
    change_form_template = "admin/scheduler/template/change_form.html"
    list_display = ("name", "shared_by", "description", "tasks", "version", "updated_at")
    search_fields = ("name", "namespace")
    ordering = ("name", "namespace", "id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Template]:
        """Return the templates with the numbers of their tasks, by name."""
        return selectors.listed(namespace=scope_of(request)).order_by(*self.ordering)

    def get_urls(self) -> list[Any]:
        """Return the pages, with those of making tasks and of giving them the latest version."""
        view = self.admin_site.admin_view
        own = [
            path("<uuid:template_id>/instantiate/", view(self.instantiate_view), name="scheduler_template_instantiate"),
            path("<uuid:template_id>/apply/", view(require_POST(self.apply_view)), name="scheduler_template_apply"),
        ]
        return [*own, *super().get_urls()]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what a template is made of, and of one that exists what became of it."""
        own = ("name", "namespace", "description", "parameters", "definition")
        if obj is None:
            return own
        version = ("seen_version",) if self.has_change_permission(request, obj) else ()
        return ("name", "shared_by", *own[2:], "tasks", "version", "created_by", "updated_at", "id", *version)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what a form does not change: tasks carry its name."""
        return () if obj is None else ("name", "shared_by", "tasks", "version", "created_by", "updated_at", "id")

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the form; with `_plan` what saving it would do to the tasks."""
        template = self.get_object(request, object_id) if object_id else None
        context: dict[str, Any] = {}
        if template is not None:
            if request.method == "POST" and "_plan" in request.POST and self.has_change_permission(request, template):
                form: Any = self.get_form(request, template, change=True)
                form = type("PlanForm", (form,), {"is_plan": True})(request.POST, instance=template)
                if form.is_valid():
                    return self._page(request, "plan", template, "What would change", plan=form.plan, data=request.POST)
            context["versions"] = selectors.versions_of(template).order_by("-version")[:MOST_VERSIONS]
            context["may_make"] = request.user.has_perm("scheduler.add_task")
        return super().changeform_view(request, object_id, form_url, context | (extra_context or {}))

    def instantiate_view(self, request: HttpRequest, template_id: UUID) -> HttpResponse:
        """Ask for the values of the parameters, and make a task of them."""
        if not (request.user.has_perm("scheduler.add_task") and self.has_view_permission(request)):
            raise PermissionDenied
        template, scope = self._template(request, template_id), scope_of(request)
        form = ValuesForm(template, request.POST or None, is_bound_to=scope)
        if request.method == "POST" and form.is_valid():
            try:
                made = instances.instantiate(
                    template.id, [form.wanted()], actor=actor_of(request), namespace=scope, now=clock.now()
                )
            except InvalidInput as refusal:
                for fault in refusal.faults:
                    form.refuse(fault.field, fault.message)
            except SchedulerError as refusal:
                form.add_error(None, said(refusal))
            else:
                messages.success(request, f"{made[0].name} is made of {template.name}.")
                return redirect("admin:task", made[0].id)
        return self._page(request, "instantiate", template, f"A task of {template.name}", form=form)

    def apply_view(self, request: HttpRequest, template_id: UUID) -> HttpResponse:
        """Give the latest version to tasks that have not got it, a hundred at a time."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        template, scope = self._template(request, template_id), scope_of(request)
        try:
            applied = _applied(template.id, namespace=scope)
        except SchedulerError as refusal:
            messages.error(request, said(refusal))
            return redirect("admin:scheduler_template_change", template.id)
        refused = [effect for effect in applied.effects if effect.faults]
        done = len(applied.effects) - len(refused)
        messages.success(request, f"{done:,} tasks have version {template.version} now.")
        for effect in refused[:10]:
            why = "; ".join(f"{fault.field}: {fault.message}".removeprefix(": ") for fault in effect.faults)
            messages.error(request, f"{effect.task.name} keeps what it has: {why}")
        return redirect("admin:scheduler_template_change", template.id)

    def remove(self, request: HttpRequest, obj: Template) -> None:
        """Delete it where no task was made of it."""
        services.delete_template(obj.id, namespace=scope_of(request), now=clock.now())

    def _template(self, request: HttpRequest, template_id: UUID) -> Any:
        try:
            return selectors.find(template_id, namespace=scope_of(request))
        except TemplateNotFound:
            raise Http404 from None

    def _page(self, request: HttpRequest, name: str, template: Template, title: str, **shown: Any) -> HttpResponse:
        context = self.admin_site.each_context(request) | {"opts": self.opts, "title": title, "template": template}
        return render(request, f"admin/scheduler/template/{name}.html", context | shown)

    @admin.display(description="namespace", ordering="namespace")
    def shared_by(self, template: Template) -> str:
        """Show whose it is."""
        return template.namespace or "shared by all"

    @admin.display(description="tasks")
    def tasks(self, template: Any) -> str:
        """Show how many tasks were made of it, and how many of them have not got its latest version."""
        waiting = f"◷ {template.pending_count:,} have an older version" if template.pending_count else ""
        return format_html("{} {}", f"{template.task_count:,}", waiting)


def _applied(template_id: UUID, *, namespace: str | None) -> instances.Applied:
    """Give the latest version to the next tasks that can have it: those that cannot stay, and come first again."""
    applied = instances.apply_version(template_id, after=None, namespace=namespace, now=clock.now())
    for _ in range(MOST_PASSED_OVER):
        if applied.last is None or not all(effect.faults for effect in applied.effects):
            break
        applied = instances.apply_version(template_id, after=applied.last, namespace=namespace, now=clock.now())
    return applied
