"""Tokens in the console: looked at, made and revoked."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from register import access
from register.admin.token_form import TokenForm
from register.admin.verbs import MOST_AT_ONCE, VerbsAdmin
from register.operators import actor_of
from scheduler import clock
from scheduler.models import ApiToken
from scheduler.seats import scope_of


@admin.register(ApiToken)
class TokenAdmin(VerbsAdmin):
    """Who holds tokens, and when they were last used; a secret is shown once, to whoever makes it."""

    form = TokenForm
    scoped_by = "namespace"
    list_display = ("name", "role", "namespace", "created_at", "expires_at", "revoked_at", "last_used_at")
    list_filter = ("role", ("revoked_at", admin.EmptyFieldListFilter))
    search_fields = ("name",)
    ordering = ("-created_at", "id")
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
        form.actor, form.scope = actor_of(request), scope_of(request)
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
        usable = tokens.filter(revoked_at=None)
        if not 0 < usable.count() <= MOST_AT_ONCE:
            text = f"Nothing was revoked: choose 1 to {MOST_AT_ONCE} tokens that are not revoked yet."
            self.message_user(request, text, messages.ERROR)
            return None
        if request.POST.get("confirmed") != "yes":
            context = self._context(request, "Revoke tokens") | {"tokens": usable, "checkbox": ACTION_CHECKBOX_NAME}
            return TemplateResponse(request, "admin/scheduler/apitoken/revoke_confirmation.html", context)
        actor = actor_of(request)

        def verb(token: ApiToken) -> str:
            access.revoke_token(token.id, actor=actor, namespace=scope_of(request), now=clock.now())
            return "is revoked: nobody can use it any more"

        self.apply(request, verb, usable, done="revoked")
        return None

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: a token that is revoked stays to be seen."""
        return False

    def _context(self, request: HttpRequest, title: str) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts, "title": title}
