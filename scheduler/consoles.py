"""What pages of the admin have in common: few scripts, and that the audit learns of what no service writes."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from scheduler import audit, clock
from scheduler.audit import Entry
from scheduler.connections import current
from scheduler.models.choices import AuditKind, AuditVerb

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:  # generic for the type checker only
    Base = object


class LightAdmin(Base):
    """Goes before a page of the admin: without the scripts of fields that fill themselves, half of its bytes."""

    @property
    def media(self) -> forms.Media:
        """Return what lists and forms need."""
        names = (
            "vendor/jquery/jquery.min.js",
            "jquery.init.js",
            "core.js",
            "admin/RelatedObjectLookups.js",
            "actions.js",
        )
        return forms.Media(js=[f"admin/js/{name}" for name in names])


class AuditedAdmin(LightAdmin):
    """Goes before a page of the admin; of what was changed it tells the fields, not what stands in them."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Record what was added."""
        _record(AuditVerb.CREATE, [obj], message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Record what was changed."""
        _record(AuditVerb.CHANGE, [obj], message)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Record what is about to be deleted."""
        _record(AuditVerb.DELETE, queryset, None)
        return super().log_deletions(request, queryset)


def _record(verb: AuditVerb, rows: Iterable[Any], message: Any) -> None:
    after = None if message is None else {"changes": message}
    entries = [
        Entry(
            verb=verb,
            kind=AuditKind.CONSOLE,
            object_id=f"{row._meta.label_lower} {row.pk}",  # noqa: SLF001 - Django documents it as public
            object_name=str(row)[: audit.NAME_LENGTH],
            namespace=None,
            after=after,
        )
        for row in rows
    ]
    audit.record(current(), entries, now=clock.now())
