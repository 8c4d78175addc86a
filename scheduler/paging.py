"""Pages for people: a list that counts no further than anybody will leaf."""

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet, Value
from django.http import HttpRequest, HttpResponse
from django.utils.text import capfirst

from scheduler import clock, live, seats
from scheduler.consoles import LightAdmin
from scheduler.filtering import ListFilter

MOST_COUNTED = 10_000

if TYPE_CHECKING:
    Base = Paginator[Any]
    AdminBase = admin.ModelAdmin[Any]
else:  # generic for the type checker only
    Base = Paginator
    AdminBase = admin.ModelAdmin


class CappedPaginator(Base):
    """Counts up to 10,000 rows; a full count of history would read every partition."""

    @cached_property
    def count(self) -> int:
        """Return the number of rows, at most 10,000."""
        rows: Any = self.object_list
        return int(rows[:MOST_COUNTED].count())


class PagedAdmin(LightAdmin, AdminBase):
    """A console page whose list costs the same however many rows there are.

    Each row carries the instant at which it is looked at: `looked_at`.
    """

    list_per_page = 50
    show_full_result_count = False
    # They would count all rows once for each choice of each filter.
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator
    # Which field says in what namespace a row lies: of others nobody whose seat is bound to one sees any.
    scoped_by = ""
    is_shared = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows that whoever asks may see."""
        rows: QuerySet[Any] = super().get_queryset(request).annotate(looked_at=Value(clock.now()))
        if not self.scoped_by:
            return rows
        return seats.within(rows, seats.scope_of(request), field=self.scoped_by, is_shared=self.is_shared)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Answer the list under the name of what it lists."""
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})


class SearchedAdmin(PagedAdmin):
    """A list whose search asks for whole values, of what has an index: `matching` says for which."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the rows that match, each once; all of them where nothing is searched for."""
        term = search_term.strip()
        return (queryset.filter(self.matching(term)) if term else queryset), False

    def matching(self, term: str) -> Q:
        """Return which rows a term asks for."""
        raise NotImplementedError


class OfferedFilter(admin.SimpleListFilter):
    """Offers values of one of the API's filters beside the list, which is filtered by it already (ListedAdmin)."""

    words: ClassVar[tuple[str, ...]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the values."""
        return [(word, word.replace("_", " ").capitalize()) for word in self.words]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows as they are."""
        return queryset


class ListedAdmin(PagedAdmin):
    """A list that takes the filters of the API's own list, by the same names: a number leads to the rows it counts."""

    list_class: ClassVar[type[ListFilter]]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows; those of the list as its filters leave them."""
        rows: QuerySet[Any] = super().get_queryset(request)
        match = request.resolver_match
        if match is None or not (match.url_name or "").endswith("_changelist"):
            return rows
        filters = self.list_class(request.GET, queryset=rows, now=clock.now())
        if filters.is_valid():
            return filters.whole()
        # A part that is asked for again and again has nowhere to say it: the messages would pile up.
        for name, errors in () if live.is_asked_for(request) else filters.errors.items():
            messages.error(request, f"Nothing is listed: {name} cannot be {request.GET.get(name)!r:.100}. {errors[0]}")
        return rows.none()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return a list that leaves the filters of the API to it."""
        offered = {getattr(one, "parameter_name", None) for one in self.list_filter}
        names = frozenset(self.list_class.base_filters) - offered

        class Listed(ChangeList):
            def get_filters_params(self, params: Any = None) -> dict[str, Any]:
                own: dict[str, Any] = super().get_filters_params(params)
                return {name: value for name, value in own.items() if name not in names}

        return Listed


class ReadOnlyAdmin(PagedAdmin):
    """Rows that the platform writes, and nobody else."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False
