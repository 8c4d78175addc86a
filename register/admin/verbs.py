"""Pages of rows that no form writes: they are looked at, and acted on by verbs."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.db import DataError
from django.db.models import QuerySet, Value
from django.http import HttpRequest, HttpResponse

from register.operators import said
from scheduler import clock
from scheduler.errors import SchedulerError
from scheduler.paging import PagedAdmin

# Larger selections are for the API's bulk actions, which a worker carries out.
MOST_AT_ONCE = 200


class VerbsAdmin(PagedAdmin):
    """Each row carries the instant at which it is looked at: `looked_at`."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows."""
        rows: QuerySet[Any] = super().get_queryset(request).annotate(looked_at=Value(clock.now()))
        return rows

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow verbs to whoever may change rows; a row's own page is for looking."""
        return obj is None and super().has_change_permission(request)

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *args: Any) -> HttpResponse | None:
        """Run an action on a selection of ids; one that holds anything else is no selection of this page."""
        if all(map(self._is_id, request.POST.getlist(ACTION_CHECKBOX_NAME))):
            return super().response_action(request, queryset, *args)
        text = f"The selection holds something that is no {self.opts.verbose_name}: nothing was done."
        self.message_user(request, text, messages.ERROR)
        return None

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

    def _is_id(self, text: str) -> bool:
        try:
            self.opts.pk.to_python(text)
        except ValidationError:
            return False
        return True
