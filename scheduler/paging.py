"""Pages for people: a list that counts no further than anybody will leaf."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet, Value
from django.http import HttpRequest

from scheduler import clock

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


class PagedAdmin(AdminBase):
    """A console page whose list costs the same however many rows there are."""

    list_per_page = 50
    show_full_result_count = False
    # They would count all rows once for each choice of each filter.
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator


class ReadOnlyAdmin(PagedAdmin):
    """Rows that the platform writes; each carries the instant at which it is looked at."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows."""
        rows: QuerySet[Any] = super().get_queryset(request).annotate(looked_at=Value(clock.now()))
        return rows

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False
