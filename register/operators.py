"""Who acts in the console, and what is said of a refusal."""

from django.http import HttpRequest


def actor_of(request: HttpRequest) -> str:
    """Return who acts, as it is recorded."""
    return f"{request.user.get_username()} (console)"


def said(refusal: Exception) -> str:
    """Return why something was refused."""
    return str(refusal) or str(refusal.__doc__)
