"""What lies in a namespace or is shared by all, calendars and templates: who may write it, and that it stays there."""

from collections.abc import Iterator
from typing import Any

from register.errors import NamespaceForbidden, SharedForbidden
from register.given import Given
from scheduler.errors import Fault


def refuse_foreign(wanted: Any, *, namespace: str | None) -> None:
    """Refuse a caller who is bound to `namespace` what lies elsewhere. Raises NamespaceForbidden, SharedForbidden."""
    if namespace is None or wanted == namespace:
        return
    raise SharedForbidden if wanted is None else NamespaceForbidden


def moved(row: Any, given: Given, *, kind: str) -> Iterator[Fault]:
    """Yield the fault of a change that would take a row to another namespace; `kind` is what the row is."""
    if given.values.get("namespace", row.namespace) != row.namespace:
        here = "is shared by all" if row.namespace is None else f"stays in its namespace ({row.namespace})"
        message = f"This {kind} {here}: create it anew in the other one."
        yield Fault("namespace", "impossible", message, is_impossible=True)
