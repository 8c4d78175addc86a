"""How many rows a list has: counted as far as somebody might leaf, unless that takes long; estimated beyond."""

import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import Error, connections
from django.db.backends.utils import CursorWrapper
from django.db.models import QuerySet

MOST_COUNTED = 10_000
# Of PostgreSQL's units, which say what is read rather than how long that takes: some 30 ms, and some 5.
MOST_COST, SOME_COST = 8_000.0, 1_500.0
# Where so many are expected, there are more than are counted: of one condition PostgreSQL's statistics are right within
# some hundredths.
SURELY_MORE = 2 * MOST_COUNTED


class Counting(Enum):
    """What it takes to count what a list's filters leave."""

    QUICK = "an index has all that is asked: it is counted"
    ROWS = "of each row the table itself is looked at: counted, unless there are surely more rows than are counted"
    MANY_ROWS = "and of rows that do not belong to it too: counted, unless that would take long"


@dataclass(frozen=True, slots=True)
class Total:
    """The number of rows of a list, exact, or PostgreSQL's estimate from its statistics."""

    count: int
    is_estimated: bool = False

    @property
    def is_sparse(self) -> bool:
        """Tell whether there are too many to count, and not so many that they lie close together among all others."""
        return self.is_estimated and self.count <= SURELY_MORE


def total_of(
    parts: Sequence[QuerySet[Any]], *, minus: Sequence[QuerySet[Any]] = (), counting: Counting = Counting.QUICK
) -> Total:
    """Return how many rows there are in these parts of a list, reading at most 10,001 of each; less those of `minus`.

    Above 10,000 it is an estimate. So it is where `counting` says that PostgreSQL would have to look at many rows to
    find out: by a timeout of some milliseconds instead, a cancelled statement can meet the next one on its connection.
    """
    totals: list[Total] = []
    for rows in parts:
        # The sum is an estimate once one of them is.
        is_enough = any(total.is_estimated for total in totals)
        totals.append(_estimated(rows.order_by()) if is_enough else _total_of(rows.order_by(), counting))
    count = sum(total.count for total in totals)
    if count > MOST_COUNTED or any(total.is_estimated for total in totals):
        return Total(count, is_estimated=True)
    return Total(count - sum(rows.count() for rows in minus) if count else 0)


def _total_of(rows: QuerySet[Any], counting: Counting) -> Total:
    if counting is Counting.QUICK:
        counted = rows[: MOST_COUNTED + 1].count()
        return Total(counted) if counted <= MOST_COUNTED else _at_least(counted, expected(rows))
    try:
        with _planned_count(rows) as plan:
            if plan.will_do(counting):
                return Total(plan.expected, is_estimated=True)
            counted = plan.count()
    except EmptyResultSet:
        return Total(0)
    return Total(counted) if counted <= MOST_COUNTED else _at_least(counted, plan.expected)


def _at_least(counted: int, expected: int) -> Total:
    return Total(max(counted, expected), is_estimated=True)


def expected(rows: QuerySet[Any, Any]) -> int:
    """Return how many rows PostgreSQL expects there to be, from its statistics."""
    return int(json.loads(rows.values("pk").explain(format="json"))[0]["Plan"]["Plan Rows"])


def _estimated(rows: QuerySet[Any]) -> Total:
    return Total(expected(rows), is_estimated=True)


@dataclass(slots=True)
class _PlannedCount:
    """How PostgreSQL would count rows, as far as they are counted; how many it expects, and what all would cost."""

    cursor: CursorWrapper
    name: str
    expected: int = 0
    cost: float = 0.0
    is_forgotten: bool = False

    def look(self, plan: dict[str, Any]) -> None:
        """Take over what PostgreSQL says of its plan: of all rows, behind the limit up to which they are counted."""
        while plan["Node Type"] != "Limit":
            plan = _input_of(plan)
        all_rows = _input_of(plan)
        self.expected, self.cost = int(all_rows["Plan Rows"]), float(all_rows["Total Cost"])

    def will_do(self, counting: Counting) -> bool:
        """Tell whether what PostgreSQL expects will do for a total."""
        share = self.cost * min(1.0, MOST_COUNTED / max(self.expected, 1))
        if self.expected > SURELY_MORE and share > SOME_COST:
            return True
        return counting is Counting.MANY_ROWS and share > MOST_COST

    def count(self) -> int:
        """Count them by this plan, which is forgotten then."""
        self.cursor.execute(f"EXECUTE {self.name}; DEALLOCATE {self.name}")
        self.is_forgotten = True
        (counted,) = self.cursor.fetchone()
        return int(counted)

    def forget(self) -> None:
        """Forget the plan, as far as the connection still takes anything."""
        if not self.is_forgotten:
            with suppress(Error):
                self.cursor.execute(f"DEALLOCATE {self.name}")


_names = (f"counted_{number}" for number in itertools.count())


@contextmanager
def _planned_count(rows: QuerySet[Any]) -> Iterator[_PlannedCount]:
    """Have PostgreSQL plan once what it is asked about and may then be asked for.

    To plan a statement over all partitions takes longer than to run it. Raises EmptyResultSet where Django knows that
    there is no row.
    """
    query, parameters = rows.values("pk")[: MOST_COUNTED + 1].query.sql_with_params()
    name = next(_names)
    with connections[rows.db].cursor() as cursor:
        prepared = f"PREPARE {name} AS SELECT count(*) FROM ({query}) AS counted"  # noqa: S608 - Django's own
        cursor.execute(f"{prepared}; EXPLAIN (FORMAT JSON) EXECUTE {name}", parameters)
        planned = _PlannedCount(cursor, name)
        try:
            cursor.nextset()
            planned.look(cursor.fetchone()[0][0]["Plan"])
            yield planned
        finally:
            planned.forget()


def _input_of(plan: dict[str, Any]) -> dict[str, Any]:
    """Return what a node of a plan reads its rows from; beside it may stand subqueries that its conditions ask."""
    (rows,) = [one for one in plan["Plans"] if one["Parent Relationship"] not in {"InitPlan", "SubPlan"}]
    node: dict[str, Any] = rows
    return node
