"""Two requests at once, on two connections: namespaces."""

from collections.abc import Callable
from typing import Any

import pytest

from register.errors import NamespaceNotFound, NamespaceTaken, VersionStale
from register.namespaces import delete_namespace
from scheduler import clock
from scheduler.models import Namespace
from tests.integration.register.namespaces.conftest import create, edit
from tests.integration.register.test_races import at_once

__all__ = ["at_once"]

pytestmark = pytest.mark.django_db(transaction=True)

AtOnce = Callable[..., list[Any]]


@pytest.mark.parametrize("attempt", range(5))
def test_two_creations_of_one_name_leave_one(at_once: AtOnce, attempt: int) -> None:
    outcomes = at_once(*[lambda: create("twin", at=clock.now())] * 4)

    assert outcomes.count(NamespaceTaken) == 3
    assert Namespace.objects.count() == 1


def test_two_changes_of_one_version_leave_one(payments: Namespace, at_once: AtOnce) -> None:
    def change(weight: int) -> Namespace:
        return edit("payments", at=clock.now(), versions=frozenset({1}), weight=weight)

    outcomes = at_once(lambda: change(7), lambda: change(8))

    assert outcomes.count(VersionStale) == 1
    assert Namespace.objects.get().version == 2


@pytest.mark.parametrize("attempt", range(5))
def test_two_changes_of_different_fields_both_last(payments: Namespace, at_once: AtOnce, attempt: int) -> None:
    at_once(
        lambda: edit("payments", at=clock.now(), description="new"),
        lambda: edit("payments", at=clock.now(), weight=7),
    )

    payments.refresh_from_db()
    assert (payments.description, payments.weight, payments.version) == ("new", 7, 3)


def test_two_deletions_leave_one_that_found_it(payments: Namespace, at_once: AtOnce) -> None:
    def delete() -> None:
        delete_namespace("payments", bound_to=None, now=clock.now())

    assert at_once(delete, delete).count(NamespaceNotFound) == 1
