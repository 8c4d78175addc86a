"""The cast of namespaces: payments has settings, reports has none."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from register.api.namespace_input import read_namespace_changes, read_new_namespace
from register.namespaces import change_namespace, create_namespace
from scheduler.models import Namespace

NewNamespace = Callable[..., Namespace]


def create(name: str, *, at: datetime, **fields: Any) -> Namespace:
    """Create a namespace from fields of the API, as ada."""
    return create_namespace(read_new_namespace({"name": name} | fields), actor="ada", bound_to=None, now=at)


def edit(name: str, *, at: datetime, versions: frozenset[int] | None = None, **fields: Any) -> Namespace:
    """Change a namespace by fields of the API."""
    return change_namespace(name, read_namespace_changes(fields), bound_to=None, versions=versions, now=at)


@pytest.fixture
def new_namespace(db: None, now: datetime) -> NewNamespace:
    """Creates a namespace from fields of the API."""
    return lambda name="payments", **fields: create(name, at=now, **fields)


@pytest.fixture
def payments(new_namespace: NewNamespace) -> Namespace:
    """A namespace with a weight and the names of two secrets."""
    return new_namespace(weight=5, secretNames=["BILLING", "LEDGER"])
