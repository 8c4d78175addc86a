"""What every filtered list is: rows that are read in one query, or in several one after the other; and its filters."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django_filters import BooleanFilter, Filter, FilterSet  # type: ignore[import-untyped]

from scheduler.engine.suggestions import did_you_mean
from scheduler.instants import InstantField


class ListFilter(FilterSet):  # type: ignore[misc]
    """A list whose rows are read in one query, or in several one after the other."""

    def parts(self) -> list[QuerySet[Any]]:
        """Return the filtered rows; several parts lie one behind the other in the list's order."""
        return [self.qs]


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
