"""Who may do what over HTTP: bearer tokens, and the role that each method of a view asks for."""

import base64
import binascii
from typing import TYPE_CHECKING, Any

from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from scheduler import acting, clock, tokens
from scheduler.models import ApiToken
from scheduler.models.choices import Role

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which imports this module, by its setting

# Each role may do what those before it may.
LADDER: tuple[str, ...] = (Role.VIEWER, Role.OPERATOR, Role.EDITOR, Role.ADMIN)

LONGEST_SECRET = 512


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <secret>`. `request.user` is the token, `request.auth` the `scheduler.tokens.Caller`."""

    challenge = 'Bearer realm="platform-scheduler"'

    def authenticate(self, request: Request) -> tuple[ApiToken, tokens.Caller] | None:
        """Return the token and the caller; None without credentials of this scheme. Raises AuthenticationFailed."""
        scheme, _, credentials = request.headers.get("Authorization", "").strip().partition(" ")
        if not scheme:
            return None
        secret = self.secret(scheme.lower(), credentials.strip())
        if secret is None:
            return None
        if not secret or len(secret) > LONGEST_SECRET:
            raise exceptions.AuthenticationFailed("The Authorization header holds no token.")
        now = clock.now()
        token = tokens.authenticate(secret, now)
        if token is None:
            # One answer for unknown, revoked and expired: which of them it is concerns no stranger.
            raise exceptions.AuthenticationFailed("This token is unknown, revoked or expired.")
        if request.method not in SAFE_METHODS:
            acting.by_token(token.name, token_id=token.id)
        return token, tokens.Caller(token.name, token.role, token.namespace, now)

    def secret(self, scheme: str, credentials: str) -> str | None:
        """Return the secret in the credentials, "" where there is none, None where the scheme is another's."""
        return credentials if scheme == "bearer" else None

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401."""
        return self.challenge


class TokenAsPassword(TokenAuthentication):
    """The token as the password of `Basic`: a browser asks for it by itself, so that people can open the docs."""

    challenge = 'Basic realm="platform-scheduler: any user name, the token as password", charset="UTF-8"'

    def secret(self, scheme: str, credentials: str) -> str | None:
        """Return the password."""
        if scheme != "basic":
            return None
        try:
            return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            return ""


class HasRole(BasePermission):
    """The role that `view.required_roles` names for the method; else viewer to read and editor to write."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Tell whether the caller's role is the required one or above it."""
        caller: Any = request.auth
        if not isinstance(caller, tokens.Caller) or caller.role not in LADDER:
            return False
        required = required_role(view, request.method or "")
        if LADDER.index(caller.role) < LADDER.index(required):
            self.message = f"This needs a token with the role {required}; this one has {caller.role}."
            return False
        return True


def required_role(view: "APIView", method: str) -> str:
    """Return the least role that may use `method` of `view`; HEAD tells of an answer, and so takes what GET does."""
    default = Role.VIEWER if method in SAFE_METHODS else Role.EDITOR
    roles: dict[str, str] = getattr(view, "required_roles", {})
    return roles.get("GET" if method == "HEAD" else method, default)
