"""Lists of which some rows, or all that match the filter, are chosen to be acted on; the page of bulk acts asks on."""

from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse

from scheduler import clock, live
from scheduler.paging import ListedAdmin, PagedAdmin

# By name: the page belongs to the console, which stands above all apps.
PAGE: Final = "admin:bulk"
# What the admin's own lists have in their addresses beside filters.
_OWN: Final = frozenset({"q", "o", "p", "e", "all", "sort"})

Filter = dict[str, list[str]]


class NoFilter(ValueError):
    """What was searched for is no filter of the API; the message says what to do."""


class CheckedSelection(PagedAdmin):
    """A list with actions, whose selection holds ids or is refused."""

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *args: Any) -> HttpResponse | None:
        """Run an action on a selection of ids; one that holds anything else is no selection of this page."""
        if all(map(self.is_id, request.POST.getlist(ACTION_CHECKBOX_NAME))):
            return super().response_action(request, queryset, *args)
        text = f"The selection holds something that is no {self.opts.verbose_name}: nothing was done."
        self.message_user(request, text, messages.ERROR)
        return None

    def is_id(self, text: str) -> bool:
        """Tell whether a text is an id of this list."""
        try:
            self.opts.pk.to_python(text)
        except ValidationError:
            return False
        return True


class BulkAdmin(CheckedSelection, ListedAdmin):
    """A list whose actions lead to the page that tells how many rows they are about, and asks."""

    acts_on: ClassVar[str]
    change_list_template = "admin/bulk_list.html"
    actions_on_bottom = True

    def ask(self, request: HttpRequest, action: str) -> HttpResponse | None:
        """Lead to the question whether an action is meant, for what was chosen or for all that match."""
        wanted: Filter
        try:
            if request.POST.get("select_across") == "1":
                wanted = self.api_filter(request)
            else:
                wanted = {"ids": request.POST.getlist(ACTION_CHECKBOX_NAME)}
        except NoFilter as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return None
        return redirect(f"{reverse(PAGE, args=[self.acts_on])}?{urlencode(wanted | {'action': [action]}, doseq=True)}")

    def api_filter(self, request: HttpRequest) -> Filter:
        """Return what the list is filtered by, as the API names it. Raises NoFilter."""
        wanted = {name: request.GET.getlist(name) for name in request.GET if name not in _OWN}
        term = request.GET.get("q", "").strip()
        if "\0" in term:
            raise NoFilter("What is searched for holds the character NUL, which no name has.")
        return wanted | (self.searched_as(request, term) if term else {})

    def searched_as(self, request: HttpRequest, term: str) -> Filter:
        """Return what a search of this list is as a filter. Raises NoFilter."""
        raise NoFilter("What is searched for cannot be acted on as a whole: choose rows, or filter.")

    def has_bulk_permission(self, request: HttpRequest) -> bool:
        """Tell whether whoever looks may act on rows of this list."""
        raise NotImplementedError

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the list, with the way to act on all that match; or, to a page that refreshes itself, its rows."""
        context = {"bulk": self._bulk_link(request), "at": clock.now(), **(extra_context or {})}
        shown = super().changelist_view(request, context)
        if not live.is_asked_for(request):
            return shown
        if not isinstance(shown, TemplateResponse):  # a page that is there no more: what is shown stays, as stale
            return HttpResponse(status=409)
        return live.answer(request, render_to_string("admin/bulk_rows.html", shown.context_data, request))

    def _bulk_link(self, request: HttpRequest) -> str:
        try:
            wanted = self.api_filter(request) if self.has_bulk_permission(request) else {}
        except NoFilter:
            return ""
        return f"{reverse(PAGE, args=[self.acts_on])}?{urlencode(wanted, doseq=True)}" if wanted else ""
