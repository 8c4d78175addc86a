"""Every endpoint that writes leaves an audit record of what it has done; a new one has to be entered here."""

from collections.abc import Callable
from typing import Any

import pytest

from scheduler.models import AuditRecord
from tests.integration.conftest import Caller
from tests.integration.register.endpoints import BODIES, LOOKS, SERVED, WRITES


def test_every_endpoint_that_may_write_is_here() -> None:
    assert BODIES.keys() == {one for one in SERVED if one[0] != "GET"}
    assert not WRITES.keys() & LOOKS.keys()


@pytest.mark.parametrize(("method", "route"), WRITES)
def test_it_leaves_a_record(
    admin: Caller, arranged: Callable[[str, str], tuple[str, Any]], method: str, route: str
) -> None:
    _, verb, kind = WRITES[method, route]
    path, body = arranged(method, route)
    seen = AuditRecord.objects.order_by("-id")[0].id

    answer = admin.send(method.lower(), path, body)

    assert answer.status_code < 400, answer.content
    records = AuditRecord.objects.filter(id__gt=seen, via="API", actor="ada")
    assert {(record.verb, record.kind) for record in records} == {(verb, kind)}
