"""The site: which pages there are, who may see them, and how the navigation groups them."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from itertools import chain
from typing import Any, Final, TypeVar, cast

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver, path, reverse

from platform_scheduler.console import acts, assuring, bulk, importing, pages, protecting, task_page, workflow_pages
from platform_scheduler.console.answering import may_look
from platform_scheduler.login_rates import LoginForm

# What a search box sends says itself what is wrong with it.
SEARCHES: Final = frozenset({SEARCH_VAR, "search"})

View = TypeVar("View", bound=Callable[..., HttpResponseBase])

# Each group with its pages: names of our own, or of a model whose list it is.
GROUPS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "Operate": (
        ("Overview", "index"),
        ("Timeline", "timeline"),
        ("Upcoming", "upcoming"),
        ("Executions", "scheduler_execution_changelist"),
        ("Queues and workers", "fleet"),
        ("Operations", "scheduler_operation_changelist"),
        ("Audit", "scheduler_auditrecord_changelist"),
    ),
    "Define": (
        ("Tasks", "scheduler_task_changelist"),
        ("Workflows", "workflows"),
        ("Templates", "scheduler_template_changelist"),
        ("Calendars", "scheduler_calendar_changelist"),
        ("Events", "scheduler_event_changelist"),
        ("Import", "import"),
        ("Catalogue", "scheduler_handler_changelist"),
    ),
    "Assure": (
        ("SLA", "scheduler_breach_changelist"),
        ("Predictions", "predictions"),
        ("Slot faults", "scheduler_slotfault_changelist"),
        ("Webhooks", "scheduler_webhook_changelist"),
        ("Deliveries", "scheduler_delivery_changelist"),
        ("Notifications", "scheduler_channel_changelist"),
    ),
    "Control": (
        ("Flow control", "scheduler_flowcontrol_changelist"),
        ("Load and circuits", "circuits"),
        ("Housekeeping", "django_celery_beat_periodictask_changelist"),
    ),
    "Access": (
        ("Namespaces", "scheduler_namespace_changelist"),
        ("Tokens", "scheduler_apitoken_changelist"),
        ("Users", "auth_user_changelist"),
        ("Groups", "auth_group_changelist"),
    ),
}
# Pages of ours that need more than looking.
NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "import": ("scheduler.add_task", "scheduler.change_task"),
    "circuits": ("scheduler.view_circuit",),
}
ROUTES: Final[Mapping[str, tuple[str, Callable[..., HttpResponse]]]] = {
    **pages.ROUTES,
    **task_page.ROUTES,
    **workflow_pages.ROUTES,
    **bulk.ROUTES,
    **assuring.ROUTES,
    **importing.ROUTES,
    **protecting.ROUTES,
    **acts.ROUTES,
}


class ConsoleSite(admin.AdminSite):
    """Django's admin whose first page is the overview."""

    site_header = site_title = "Platform Scheduler"
    site_url = None
    index_title = "Overview"
    login_form = LoginForm

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the login, or take it; one that is refused for too many failures is 429."""
        response = super().login(request, extra_context)
        form = (getattr(response, "context_data", None) or {}).get("form")
        if isinstance(form, LoginForm) and form.is_bound and form.retry_after is not None:
            response.status_code = 429
            response.headers["Retry-After"] = str(form.retry_after)
        return response

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Return the view as the admin guards it; what PostgreSQL's texts cannot hold is no address of a page."""
        guarded = super().admin_view(view, cacheable)

        @wraps(guarded)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            filters = {name: texts for name, texts in request.GET.lists() if name not in SEARCHES}
            if any("\0" in text for text in (request.path, *filters, *chain(*filters.values()))):
                raise BadRequest("NUL in an address")
            return guarded(request, *args, **kwargs)

        return cast("View", answer)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return what every page knows: the admin's own, and which version this is."""
        return super().each_context(request) | {"version": settings.VERSION}

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Return the admin's URLs behind those of our pages."""
        own: list[URLPattern | URLResolver] = [
            path(route, self.admin_view(view), name=name) for name, (route, view) in ROUTES.items()
        ]
        return [*own, *super().get_urls()]

    def index(  # type: ignore[override]  # a live part is no whole page
        self, request: HttpRequest, extra_context: Any = None
    ) -> HttpResponse:
        """Show the overview, or to whoever may not see executions what else there is."""
        if not may_look(request):
            return super().index(request, extra_context)
        return pages.overview_page(request)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Return the navigation, our groups with the lists that the user may see; or one app's own lists."""
        apps = super().get_app_list(request, app_label)
        if app_label is not None:
            return apps
        lists = {model["admin_url"]: model for app in apps for model in app["models"] if model.get("admin_url")}
        own = _own(request)
        grouped = {
            name: [_entry(label, page) for label, page in entries if page in own or _url(page) in lists]
            for name, entries in GROUPS.items()
        }
        shown = {entry["admin_url"] for entries in grouped.values() for entry in entries}
        grouped["More"] = [model for url, model in lists.items() if url not in shown]
        return [_group(name, entries) for name, entries in grouped.items() if entries]


def _own(request: HttpRequest) -> frozenset[str]:
    """Return those of our own pages that the user may see."""
    if not may_look(request):
        return frozenset()
    return frozenset(name for name in ("index", *ROUTES) if request.user.has_perms(NEEDED.get(name, ())))


def _url(page: str) -> str:
    return reverse(f"admin:{page}")


def _entry(label: str, page: str) -> dict[str, Any]:
    return {"name": label, "object_name": page, "admin_url": _url(page), "view_only": True}


def _group(name: str, entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"name": name, "app_label": name.lower(), "app_url": "", "has_module_perms": True, "models": entries}
