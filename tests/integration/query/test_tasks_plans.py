"""Which indexes answer GET /api/v1/tasks."""

import re
from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.db.models import Q
from django.http import QueryDict

from query.selectors import visible_tasks
from scheduler.filters import TaskFilter, searched
from scheduler.totals import expected


@pytest.mark.parametrize(
    ("conditions", "index"),
    [
        ({"name__holds": "ledger aud"}, "scheduler_search_name"),
        ({"labels__contains": {"team": "red"}}, "scheduler_search_labels"),
        ({"task_class": "rare.class"}, "scheduler_search_class_new"),
        ({"status__in": ["PAUSED"]}, "scheduler_search_by_status"),
        ({"namespace": "payments"}, "scheduler_search_namespace"),
        ({"queue": "slow"}, "scheduler_search_queue"),
        ({"priority": 10}, "scheduler_search_priority"),
    ],
)
def test_what_matches_little_is_found_by_an_index_beside_the_hot_table(
    db: None, conditions: dict[str, Any], index: str
) -> None:
    with connection.cursor() as cursor:
        # Of a table as small as a test's, PostgreSQL would rather read the whole.
        cursor.execute(
            "SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off"
        )
    plan = searched(Q(**conditions)).explain()

    assert re.search(f"Bitmap Index Scan on {index}", plan), plan


def test_of_a_name_some_trigrams_are_asked_for_and_all_of_it_is_looked_at(db: None) -> None:
    """Each list of a word in a tenth of a million names takes 2 ms."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = searched(Q(name__holds="ledger audit")).explain()

    assert re.search(r"Index Cond: \(\(?name.* ~~ '%LED%GER%AUDIT%'", plan), plan
    assert re.search(r"Filter: \(strpos\(name, 'LEDGER AUDIT'", plan), plan


def test_a_part_that_is_asked_for_whole_is_not_looked_for_again(db: None) -> None:
    plan = searched(Q(name__holds="audit")).explain()

    assert "~~ '%AUDIT%'" in plan
    assert "strpos" not in plan


@pytest.mark.parametrize("salt", range(4))
def test_how_many_names_match_is_known_of_one_in_a_hundred(db: None, salt: int) -> None:
    """By it a page is found among the newest or sorted, and a total counted or estimated; also behind the index."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO scheduler_task_search (task_id, name, task_class, labels, status)
            SELECT gen_random_uuid(), md5(n::text || %s) || CASE n %% 100 WHEN 0 THEN ' LEDGER AUDIT' ELSE ' MAIL' END,
                'x', '{}', 'ACTIVE' FROM generate_series(1, 20000) n;
            ANALYZE scheduler_task_search
            """,
            [salt],
        )
    assert expected(searched(Q(name__holds="ledger audit"))) == pytest.approx(200, rel=0.65)


@pytest.mark.parametrize("query", ["search=a", "label=team:red", "taskClass=x", "status=PAUSED"])
def test_a_list_asks_beside_the_hot_table(now: datetime, query: str) -> None:
    filters = TaskFilter(QueryDict(query), queryset=visible_tasks(namespace=None), now=now)

    assert filters.is_valid()
    assert "scheduler_task_search" in str(filters.qs.query)


@pytest.mark.parametrize(
    ("sort", "index"),
    [
        ("name", "scheduler_search_own_name"),
        ("-createdAt", "scheduler_search_newest"),
        ("updatedAt", "scheduler_search_updated"),
        ("priority", "scheduler_search_priority"),
        ("status", "scheduler_search_by_status"),
        ("nextExecutionTime", "scheduler_tasks_claim"),
        ("-nextExecutionTime", "scheduler_tasks_claim"),
        ("lastExecutedAt", "scheduler_last_runs_oldest"),
        ("-lastExecutedAt", "scheduler_last_runs_oldest"),
    ],
)
def test_an_index_gives_the_order(now: datetime, sort: str, index: str) -> None:
    filters = TaskFilter(QueryDict(f"sort={sort}"), queryset=visible_tasks(namespace=None), now=now)
    assert filters.is_valid()

    with connection.cursor() as cursor:
        # Of a table as small as a test's, PostgreSQL would rather sort the whole.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")
    plan = filters.order().sort(filters.parts()[0])[:20].explain()

    assert re.search(rf"Index (Only )?Scan (Backward )?using {index}", plan), plan
    assert " Sort  " not in plan.replace("Incremental Sort", ""), plan


@pytest.mark.parametrize("query", ["", "status=PAUSED", "label=a:b&search=x", "priority=HIGH&queue=q&namespace=n"])
def test_tasks_are_counted_beside_the_hot_table(now: datetime, query: str) -> None:
    filters = TaskFilter(QueryDict(query), queryset=visible_tasks(namespace="n"), now=now, bound_to="n")
    assert filters.is_valid()

    (counted,) = filters.counted()

    assert "scheduler_tasks" not in str(counted.query)
    assert """"namespace" = n""" in str(counted.query)
