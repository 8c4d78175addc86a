"""Tokens in the console, read-only."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from scheduler.models import ApiToken
from scheduler.paging import CappedPaginator

if TYPE_CHECKING:
    TokenBase = admin.ModelAdmin[ApiToken]
else:  # generic for the type checker only
    TokenBase = admin.ModelAdmin


@admin.register(ApiToken)
class TokenAdmin(TokenBase):
    """Who holds tokens, and when they were last used; never the secrets, which nobody has."""

    list_display = ("name", "role", "namespace", "created_at", "expires_at", "revoked_at", "last_used_at")
    fields = readonly_fields = list_display
    list_filter = ("role",)
    search_fields = ("name",)
    ordering = ("-created_at", "id")
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: manage.py create_token shows a secret once."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False
