"""How many rows a list has: counted as far as somebody might leaf, estimated beyond."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Total:
    """The number of rows of a list; above 10,000 it is PostgreSQL's estimate, from its statistics."""

    count: int
    is_estimated: bool = False


def total_of(parts: Sequence[QuerySet[Any]]) -> Total:
    """Return how many rows there are in these parts of a list, reading at most 10,001 of each."""
    totals = [_total_of(rows) for rows in parts]
    count = sum(total.count for total in totals)
    return Total(count, is_estimated=count > MOST_COUNTED)


def _total_of(rows: QuerySet[Any]) -> Total:
    unordered = rows.order_by()
    counted = unordered[: MOST_COUNTED + 1].count()
    if counted <= MOST_COUNTED:
        return Total(counted)
    plan = json.loads(unordered.explain(format="json"))
    return Total(max(int(plan[0]["Plan"]["Plan Rows"]), counted), is_estimated=True)
