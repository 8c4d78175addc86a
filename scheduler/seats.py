"""Who sees what in the console: the namespace of a user's seat, and the rows that lie in it."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from scheduler.models import Seat


def seat_of(user: Any) -> Seat | None:
    """Return the seat of whoever is logged in, None without one; it is read once a request."""
    if not getattr(user, "is_authenticated", False) or user.is_superuser:
        return None
    if not hasattr(user, "kept_seat"):
        user.kept_seat = Seat.objects.filter(user_id=user.pk).first()
    seat: Seat | None = user.kept_seat
    return seat


def scope_of(request: HttpRequest) -> str | None:
    """Return the only namespace that whoever asks may see, None where that is every one."""
    seat = seat_of(request.user)
    return seat.namespace or None if seat is not None else None


def within(rows: QuerySet[Any], scope: str | None, *, field: str, is_shared: bool = False) -> QuerySet[Any]:
    """Return the rows whose `field` names the namespace; with `is_shared` also those of none."""
    if scope is None:
        return rows
    mine = Q(**{field: scope})
    return rows.filter(mine | Q(**{f"{field}__isnull": True}) if is_shared else mine)
