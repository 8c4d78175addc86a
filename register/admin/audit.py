"""The audit in the console, to be looked at: who wrote what, from where, and why."""

import json
from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from register import auditing
from scheduler import display
from scheduler.models import AuditRecord
from scheduler.models.choices import AuditKind, AuditVerb
from scheduler.paging import ReadOnlyAdmin, SearchedAdmin


class WordFilter(admin.SimpleListFilter):
    """By one of a few words."""

    words: Sequence[tuple[str, str]] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """Return the words."""
        return self.words

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditRecord]) -> QuerySet[AuditRecord]:
        """Return the records that are left."""
        return queryset.filter(**{str(self.parameter_name): self.value()}) if self.value() else queryset


class VerbFilter(WordFilter):
    """By what was done."""

    title = parameter_name = "verb"
    words = AuditVerb.choices


class KindFilter(WordFilter):
    """By what it was done to."""

    title = parameter_name = "kind"
    words = AuditKind.choices


@admin.register(AuditRecord)
class AuditAdmin(SearchedAdmin, ReadOnlyAdmin):
    """Records that nobody changes; the database refuses it, too."""

    scoped_by = "namespace"
    list_display = ("when", "actor", "address", "verb", "kind", "object_shown", "namespace", "reason")
    list_filter = ("via", VerbFilter, KindFilter)
    search_fields = ("actor", "object_id")
    search_help_text = "The whole name of who did it, or the id of what it was done to."
    ordering = ("-recorded_at", "id")
    fields = (
        "when", "actor", "via", "token_id", "address", "verb", "kind", "object_name", "object_id", "namespace",
        "version", "reason", "was", "became",
    )  # fmt: skip
    readonly_fields = ("when", "was", "became")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the records with the definitions that they have made."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return auditing.with_definitions(rows)

    def matching(self, term: str) -> Q:
        """Ask for who did it, or for what it was done to."""
        return Q(actor=term) | Q(object_id=term)

    @admin.display(description="when", ordering="recorded_at")
    def when(self, record: Any) -> str:
        """Show when, absolute and relative."""
        return display.moment(record.recorded_at, record.looked_at)

    @admin.display(description="object")
    def object_shown(self, record: Any) -> str:
        """Show what it was done to."""
        return str(record.object_name or record.object_id)

    @admin.display(description="before")
    def was(self, record: Any) -> str:
        """Show what has changed, as it was."""
        return _written(auditing.record_as_json(record)["before"])

    @admin.display(description="after")
    def became(self, record: Any) -> str:
        """Show what has changed, as it became."""
        return _written(auditing.record_as_json(record)["after"])


def _written(value: Any) -> str:
    return "" if value is None else format_html("<pre>{}</pre>", json.dumps(value, indent=2, ensure_ascii=False))
