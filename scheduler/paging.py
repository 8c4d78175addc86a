"""Pages for people: a list that counts no further than anybody will leaf."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator

MOST_COUNTED = 10_000

if TYPE_CHECKING:
    Base = Paginator[Any]
else:  # generic for the type checker only
    Base = Paginator


class CappedPaginator(Base):
    """Counts up to 10,000 rows; a full count of history would read every partition."""

    @cached_property
    def count(self) -> int:
        """Return the number of rows, at most 10,000."""
        rows: Any = self.object_list
        return int(rows[:MOST_COUNTED].count())
