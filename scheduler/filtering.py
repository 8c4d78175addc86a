"""What every filtered list is: rows that are read in one query, or in several one after the other; and its filters."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django_filters import BooleanFilter, Filter, FilterSet  # type: ignore[import-untyped]

from scheduler.engine.suggestions import did_you_mean
from scheduler.instants import InstantField
from scheduler.keysets import Order
from scheduler.totals import Counting


class ListFilter(FilterSet):  # type: ignore[misc]
    """A list whose rows are read in one query, or in several one after the other."""

    def parts(self, *, is_sparse: bool = False) -> list[QuerySet[Any]]:
        """Return the filtered rows; several parts lie one behind the other in the list's order.

        `is_sparse`: too many match to sort them all, and so few that in that order they lie far apart.
        """
        return [self.qs]

    def whole(self) -> QuerySet[Any]:
        """Return the filtered rows as one query, for a list that cannot be read part by part."""
        rows: QuerySet[Any] = self.qs
        return rows

    def counted(self) -> list[QuerySet[Any]]:
        """Return what is counted instead of the rows themselves, where something narrower says how many there are."""
        return self.parts()

    def overcounted(self) -> list[QuerySet[Any]]:
        """Return what is counted among them and does not belong to the list."""
        return []

    def is_read_by_keys(self) -> bool:
        """Tell whether the keys of a page are better found first, and its rows by them."""
        return False

    def keyed(self, rows: QuerySet[Any], order: Order) -> tuple[QuerySet[Any], Order]:
        """Return where the keys of these rows are found, and what their order is there."""
        return rows, order

    def complete(self, rows: Sequence[Any]) -> None:
        """Read what is shown of these rows and stands elsewhere."""

    def counting(self) -> Counting:
        """Tell what it takes to count what the filters leave."""
        return Counting.QUICK

    def count_given(self, *names: str) -> int:
        """Return how many of these filters are set; one with several conditions that must all hold counts as many."""
        values = [self.form.cleaned_data.get(name) for name in names]
        return sum(len(value) if isinstance(value, dict) else value not in (None, "", []) for value in values)


class WordsField(forms.CharField):
    """One or more of a few words, separated by commas."""

    def __init__(self, *, words: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.words = words

    def clean(self, value: Any) -> list[str]:
        text: str = super().clean(value)
        chosen = [word.strip() for word in text.split(",")] if text else []
        for word in chosen:
            if word not in self.words:
                known = ", ".join(self.words)
                hint = did_you_mean(word, self.words)
                raise ValidationError(f"There is no {word[:50]!r} here; use {known}.{hint}", code="invalid_choice")
        return chosen


class WordsFilter(Filter):  # type: ignore[misc]
    """Rows whose column is one of the words given."""

    field_class = WordsField

    def filter(self, qs: QuerySet[Any], value: list[str]) -> QuerySet[Any]:
        return qs.filter(**{f"{self.field_name}__in": value}) if value else qs


class FlagField(forms.CharField):
    """true or false; a form's own field takes every other text for true."""

    def clean(self, value: Any) -> bool | None:
        text: str = super().clean(value)
        if text not in {"", "true", "false"}:
            raise ValidationError("This must be true or false.", code="invalid")
        return {"true": True, "false": False}.get(text)


class FlagFilter(BooleanFilter):  # type: ignore[misc]
    """A question that is answered with true or false."""

    field_class = FlagField


class InstantFilter(Filter):  # type: ignore[misc]
    """An instant."""

    field_class = InstantField
