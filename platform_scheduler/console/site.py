"""The site: which pages there are, who may see them, and how the navigation groups them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path, reverse

from platform_scheduler.console import pages

# Each group with its pages: names of our own, or of a model whose list it is.
GROUPS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "Operate": (
        ("Overview", "index"),
        ("Timeline", "timeline"),
        ("Upcoming", "upcoming"),
        ("Executions", "scheduler_execution_changelist"),
        ("Queues and workers", "fleet"),
        ("Audit", "scheduler_auditrecord_changelist"),
    ),
    "Define": (
        ("Tasks", "scheduler_task_changelist"),
        ("Calendars", "scheduler_calendar_changelist"),
        ("Operations", "scheduler_operation_changelist"),
        ("Catalogue", "scheduler_handler_changelist"),
    ),
    "Assure": (("SLA breaches", "scheduler_breach_changelist"),),
    "Control": (
        ("Flow control", "scheduler_flowcontrol_changelist"),
        ("Housekeeping", "django_celery_beat_periodictask_changelist"),
        ("Webhooks", "scheduler_webhook_changelist"),
        ("Tokens", "scheduler_apitoken_changelist"),
        ("Users", "auth_user_changelist"),
        ("Groups", "auth_group_changelist"),
    ),
}


class ConsoleSite(admin.AdminSite):
    """Django's admin whose first page is the overview."""

    site_header = site_title = "Platform Scheduler"
    site_url = None
    index_title = "Overview"

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Return the admin's URLs behind those of our pages."""
        own: list[URLPattern | URLResolver] = [
            path(route, self.admin_view(view), name=name) for name, (route, view) in pages.PAGES.items()
        ]
        return [*own, *super().get_urls()]

    def index(  # type: ignore[override]  # a live part is no whole page
        self, request: HttpRequest, extra_context: Any = None
    ) -> HttpResponse:
        """Show the overview, or to whoever may not see executions what else there is."""
        if not pages.may_look(request):
            return super().index(request, extra_context)
        return pages.overview_page(request)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Return the navigation, our groups with the lists that the user may see; or one app's own lists."""
        apps = super().get_app_list(request, app_label)
        if app_label is not None:
            return apps
        lists = {model["admin_url"]: model for app in apps for model in app["models"] if model.get("admin_url")}
        may_look = pages.may_look(request)
        grouped = {
            name: [_entry(label, page) for label, page in entries if (may_look and page in _OWN) or _url(page) in lists]
            for name, entries in GROUPS.items()
        }
        shown = {entry["admin_url"] for entries in grouped.values() for entry in entries}
        grouped["More"] = [model for url, model in lists.items() if url not in shown]
        return [_group(name, entries) for name, entries in grouped.items() if entries]


_OWN = frozenset({"index", *pages.PAGES})


def _url(page: str) -> str:
    return reverse(f"admin:{page}")


def _entry(label: str, page: str) -> dict[str, Any]:
    return {"name": label, "object_name": page, "admin_url": _url(page), "view_only": True}


def _group(name: str, entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"name": name, "app_label": name.lower(), "app_url": "", "has_module_perms": True, "models": entries}
