"""What the list of the audit reads: an index in its order, however it is filtered by what has one."""

from typing import Any

import pytest
from django.db import connection

from register import auditing
from register.api.audit import LATEST_FIRST


@pytest.fixture
def without_sorts(db: None) -> None:
    """As the planner is with millions of rows: it neither reads them all nor sorts them."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")


@pytest.mark.parametrize(
    ("namespace", "filters", "index"),
    [
        (None, {}, "scheduler_audit_newest"),
        (None, {"recorded_at__gte": "2026-01-01T00:00Z", "verb": "pause"}, "scheduler_audit_newest"),
        ("payments", {}, "scheduler_audit_namespace"),
        (None, {"actor": "edda"}, "scheduler_audit_actor"),
        (None, {"object_id": "x"}, "scheduler_audit_object"),
    ],
)
@pytest.mark.usefixtures("without_sorts")
def test_it_reads_in_the_order_of_an_index(namespace: str | None, filters: dict[str, Any], index: str) -> None:
    rows = LATEST_FIRST.sort(auditing.records(namespace=namespace).filter(**filters))

    plan = rows[:21].explain()

    assert f"using {index} on scheduler_audit" in plan
    assert "Sort" not in plan
