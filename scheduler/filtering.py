"""What every filtered list is: rows that are read in one query, or in several one after the other."""

from typing import Any

from django.db.models import QuerySet
from django_filters import FilterSet  # type: ignore[import-untyped]


class ListFilter(FilterSet):  # type: ignore[misc]
    """A list whose rows are read in one query, or in several one after the other."""

    def parts(self) -> list[QuerySet[Any]]:
        """Return the filtered rows; several parts lie one behind the other in the list's order."""
        return [self.qs]
