"""What the list of the audit reads: an index in its order, however it is filtered by what has one."""

from typing import Any

import pytest
from django.db import connection

from register import auditing
from register.api.audit import LATEST_FIRST


@pytest.fixture
def known_rows(db: None) -> None:
    """As with millions: the planner neither sorts, nor reads what is known to be many rows and pages.

    A table that is known to be empty, with what rolled-back tests have left in its indexes, gives no reason to prefer
    one of them. What is analyzed here stays so: until the test ends nothing else can analyze the table.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO scheduler_audit (recorded_at, actor, via, verb, kind, object_id, namespace)
            SELECT now() - n * interval '1 minute', 'actor ' || n % 50, 'API', 'edit', 'task', n % 500,
                'team ' || n % 50
            FROM generate_series(1, 5000) n;
            ANALYZE scheduler_audit;
            SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off
            """
        )


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
@pytest.mark.usefixtures("known_rows")
def test_it_reads_in_the_order_of_an_index(namespace: str | None, filters: dict[str, Any], index: str) -> None:
    rows = LATEST_FIRST.sort(auditing.records(namespace=namespace).filter(**filters))

    plan = rows[:21].explain()

    assert f"using {index} on scheduler_audit" in plan
    assert "Sort" not in plan
