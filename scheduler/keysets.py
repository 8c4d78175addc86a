"""Reading on after a row instead of counting off the rows before it: every page of a deep list costs the same."""

from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any

from django.core import signing
from django.db.models import F, Func, Model, Q, QuerySet

LONGEST_CURSOR = 2_000
_SALT = "query.cursor"


class InvalidCursor(ValueError):
    """The text is no cursor of ours, or one of a list in another order."""


@dataclass(frozen=True, slots=True)
class Order:
    """A total order: by one column, those without a value last, and by ascending key among equals.

    `at` is where the database finds the column, where not under its own name. Whoever reads those without a value in a
    part of their own says so by `is_split`, and an index can give the order of the others. `is_behind`: what stands at
    `at` follows the column a moment later. `is_few`: what matches is little and sorted, for whoever goes along an index
    in the order of ids may have to go far to find it.
    """

    column: str
    is_descending: bool = False
    at: str = ""
    is_split: bool = False
    is_behind: bool = False
    is_few: bool = False

    def sort(self, rows: QuerySet[Any], *, is_rest: bool = False) -> QuerySet[Any]:
        """Return the rows in this order; `is_rest` where they are those without a value."""
        if is_rest:
            return rows.order_by("pk")
        column = F(self.path)
        if self.column == "id":
            # The same order, which no index gives.
            key = Func(column, function="uuid_send") if self.is_few else column
            return rows.order_by(key.desc() if self.is_descending else key.asc())
        last = {"nulls_last": True} if self._has_nulls(rows) else {}
        return rows.order_by(column.desc(**last) if self.is_descending else column.asc(**last), "pk")

    def cursor(self, row: Any) -> str:
        """Return the text by which a list goes on after `row`; signed, so that what comes back is what was given."""
        value = self._value(row)
        text = value.isoformat() if isinstance(value, datetime) else value
        name = self._name_in(type(row))
        return signing.dumps([name, None if self.column == "id" else text, str(row.pk)], salt=_SALT)

    def after(self, rows: QuerySet[Any], cursor: str, *, of: type[Model], is_rest: bool = False) -> QuerySet[Any]:
        """Return the rows after the cursor's, which is one of a list of these; they may be found by others' keys.

        `is_rest` where they are those without a value. Raises InvalidCursor.
        """
        try:
            name, value, key = signing.loads(cursor, salt=_SALT)
        except signing.BadSignature:
            raise InvalidCursor("This is no nextCursor of a list.") from None
        if name != self._name_in(of):
            raise InvalidCursor("This cursor belongs to another list, or to one in another order.")
        if is_rest:
            return rows.filter(pk__gt=key) if value is None else rows
        return rows.filter(self._beyond(value, key, is_nullable=self._has_nulls(rows)))

    def _has_nulls(self, rows: QuerySet[Any]) -> bool:
        return not self.is_split and bool(rows.model._meta.get_field(self.column).null)  # noqa: SLF001 - documented

    def _value(self, row: Any) -> Any:
        """Return what a row is sorted by."""
        if not self.is_behind:
            return getattr(row, self.column)
        return reduce(lambda one, name: getattr(one, name, None), self.at.split("__"), row)

    @property
    def path(self) -> str:
        """Where the database finds the column."""
        return self.at or self.column

    def _name_in(self, model: type[Model]) -> str:
        """Return what tells this order of these rows from others: lists of several tables go in orders of one name."""
        return f"{model._meta.label_lower} {'-' if self.is_descending else ''}{self.column}"  # noqa: SLF001 - documented

    def _beyond(self, value: Any, key: str, *, is_nullable: bool) -> Q:
        further = "lt" if self.is_descending else "gt"
        if self.column == "id":
            return Q(**{f"id__{further}": key})
        if value is None:  # of a list in parts no row of this one
            return Q(**{f"{self.path}__isnull": True}, pk__gt=key)
        # "At or beyond, and" where there are no NULLs: as a plain OR no index could begin there.
        beyond = Q(**{f"{self.path}__{further}e": value}) & (Q(**{f"{self.path}__{further}": value}) | Q(pk__gt=key))
        return beyond | Q(**{f"{self.path}__isnull": True}) if is_nullable else beyond
