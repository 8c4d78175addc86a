"""Reading on after a row instead of counting off the rows before it: every page of a deep list costs the same."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core import signing
from django.db.models import F, Q, QuerySet

LONGEST_CURSOR = 2_000
_SALT = "query.cursor"


class InvalidCursor(ValueError):
    """The text is no cursor of ours, or one of a list in another order."""


@dataclass(frozen=True, slots=True)
class Order:
    """A total order: by one column, those without a value last, and by ascending key among equals."""

    column: str
    is_descending: bool = False

    def sort(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows in this order."""
        column = F(self.column)
        if self.column == "id":
            return rows.order_by(column.desc() if self.is_descending else column.asc())
        last = {"nulls_last": True} if _is_nullable(rows, self.column) else {}
        return rows.order_by(column.desc(**last) if self.is_descending else column.asc(**last), "pk")

    def cursor(self, row: Any) -> str:
        """Return the text by which a list goes on after `row`; signed, so that what comes back is what was given."""
        value = getattr(row, self.column)
        text = value.isoformat() if isinstance(value, datetime) else value
        return signing.dumps([self._name, None if self.column == "id" else text, str(row.pk)], salt=_SALT)

    def after(self, rows: QuerySet[Any], cursor: str) -> QuerySet[Any]:
        """Return the rows after the cursor's. Raises InvalidCursor."""
        try:
            name, value, key = signing.loads(cursor, salt=_SALT)
        except signing.BadSignature:
            raise InvalidCursor("This is no nextCursor of a list.") from None
        if name != self._name:
            raise InvalidCursor("This cursor belongs to a list in another order.")
        return rows.filter(self._beyond(value, key, is_nullable=_is_nullable(rows, self.column)))

    @property
    def _name(self) -> str:
        return f"-{self.column}" if self.is_descending else self.column

    def _beyond(self, value: Any, key: str, *, is_nullable: bool) -> Q:
        further = "lt" if self.is_descending else "gt"
        if self.column == "id":
            return Q(**{f"id__{further}": key})
        if value is None:
            return Q(**{f"{self.column}__isnull": True}, pk__gt=key)
        # "At or beyond, and" where there are no NULLs: as a plain OR no index could begin there.
        beyond = Q(**{f"{self.column}__{further}e": value}) & (
            Q(**{f"{self.column}__{further}": value}) | Q(pk__gt=key)
        )
        return beyond | Q(**{f"{self.column}__isnull": True}) if is_nullable else beyond


def _is_nullable(rows: QuerySet[Any], column: str) -> bool:
    return bool(rows.model._meta.get_field(column).null)  # noqa: SLF001 - Django documents it as public
