"""Tokens in the console: looked at, made and revoked."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from register import access
from register.admin.token_form import TokenForm
from register.admin.words import actor_of, said
from scheduler import clock
from scheduler.errors import SchedulerError
from scheduler.models import ApiToken
from scheduler.paging import CappedPaginator

MOST_AT_ONCE = 200

if TYPE_CHECKING:
    TokenBase = admin.ModelAdmin[ApiToken]
else:  # generic for the type checker only
    TokenBase = admin.ModelAdmin


@admin.register(ApiToken)
class TokenAdmin(TokenBase):
    """Who holds tokens, and when they were last used; a secret is shown once, to whoever makes it."""

    form = TokenForm
    list_display = ("name", "role", "namespace", "created_at", "expires_at", "revoked_at", "last_used_at")
    list_filter = ("role", ("revoked_at", admin.EmptyFieldListFilter))
    search_fields = ("name",)
    ordering = ("-created_at", "id")
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what a new token is made of, and of one that exists what became of it."""
        return ("name", "role", "namespace", "expires_in_days") if obj is None else self.list_display

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what no form changes: all of a token that exists."""
        return () if obj is None else self.list_display

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the form; it knows who acts."""
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.actor = actor_of(request)
        return form

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Store nothing, which the form has done; hand the secret on to the answer."""
        obj.secret = form.secret

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """Show the secret, in this answer only: a message would wait in a cookie or in the session."""
        context = self._context(request, f"The token {obj.name}") | {"token": obj, "secret": obj.secret}
        return TemplateResponse(request, "admin/scheduler/apitoken/secret.html", context)

    @admin.action(description="Revoke", permissions=["change"])
    def revoke(self, request: HttpRequest, tokens: QuerySet[ApiToken]) -> HttpResponse | None:
        """Ask, then revoke the tokens chosen."""
        chosen = list(tokens.filter(revoked_at=None)[: MOST_AT_ONCE + 1])
        if not chosen or len(chosen) > MOST_AT_ONCE:
            text = f"Nothing was revoked: choose 1 to {MOST_AT_ONCE} tokens that are not revoked yet."
            self.message_user(request, text, messages.ERROR)
            return None
        if request.POST.get("confirmed") != "yes":
            context = self._context(request, "Revoke tokens") | {"tokens": chosen, "checkbox": ACTION_CHECKBOX_NAME}
            return TemplateResponse(request, "admin/scheduler/apitoken/revoke_confirmation.html", context)
        for token in chosen:
            self._revoke(request, token)
        return None

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow the verb to whoever may change tokens; a token's own page is for looking."""
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: a token that is revoked stays to be seen."""
        return False

    def _revoke(self, request: HttpRequest, token: ApiToken) -> None:
        try:
            access.revoke_token(token.id, actor=actor_of(request), namespace=None, now=clock.now())
        except SchedulerError as refusal:
            self.message_user(request, f"{token.name} was not revoked: {said(refusal)}", messages.ERROR)
            return
        self.log_change(request, token, "revoked")
        self.message_user(request, f"{token.name} is revoked: nobody can use it any more.", messages.SUCCESS)

    def _context(self, request: HttpRequest, title: str) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts, "title": title}
