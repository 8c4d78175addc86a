"""Pages of rows that no form writes: they are looked at, and acted on by verbs."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db import DataError
from django.db.models import QuerySet
from django.http import HttpRequest

from register.operators import said
from scheduler.errors import SchedulerError
from scheduler.selections import CheckedSelection

# Larger selections are for the API's bulk actions, which a worker carries out.
MOST_AT_ONCE = 200


class VerbsAdmin(CheckedSelection):
    """A row's page shows what it is; the list's actions do something with it."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow verbs to whoever may change rows; a row's own page is for looking."""
        return obj is None and super().has_change_permission(request)

    def apply(self, request: HttpRequest, verb: Callable[[Any], str], rows: QuerySet[Any], *, done: str) -> None:
        """Apply a verb to each row in a transaction of its own; say what happened to each and note who did it."""
        chosen = list(rows[: MOST_AT_ONCE + 1])
        if len(chosen) > MOST_AT_ONCE:
            text = f"Nothing was {done}: choose at most {MOST_AT_ONCE} {self.opts.verbose_name_plural} at once."
            self.message_user(request, text, messages.ERROR)
            return
        for row in chosen:
            try:
                happened = verb(row)
            except (SchedulerError, DataError) as refusal:
                self.message_user(request, f"{row} was not {done}: {said(refusal)}", messages.ERROR)
                continue
            self.log_change(request, row, happened)
            self.message_user(request, f"{row} {happened}.", messages.SUCCESS)
