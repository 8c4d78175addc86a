"""The figures on a terminal and as JSON, beside the conditions under which they were taken."""

import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psutil

from bench import machine
from bench.figures import Case
from bench.statistics import Summary

GIBIBYTE = 2**30
COLUMNS = ("figure", "median", "min", "max", "runs", "aim", "")
# Quick sizes show that a case works; their figures say nothing of the aims.
NOT_JUDGED = "quick"
REACHED, MISSED = "reached", "NOT REACHED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one case has come to."""

    case: Case
    figures: Mapping[str, Summary]
    is_quick: bool
    others_percent: float = 0.0

    def verdict(self, name: str) -> str:
        """Say whether a figure has reached its aim, nothing where it has none."""
        aim = self.case.aim(name)
        if aim is None:
            return ""
        if self.is_quick:
            return NOT_JUDGED
        return REACHED if aim.is_reached(self.figures[name].median) else MISSED


def conditions(*, engines: str, postgres: str, now: datetime) -> dict[str, Any]:
    """Return what a reader has to know of the machine and of what else it does."""
    load, _, _ = os.getloadavg()
    return {
        "takenAt": now.isoformat(timespec="seconds"),
        "cores": psutil.cpu_count(),
        "memoryGiB": round(psutil.virtual_memory().total / GIBIBYTE, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "pythonBuild": machine.python_build(),
        "postgres": postgres,
        "engines": engines,
        "loadBefore": round(load, 2),
        "additionMs": round(machine.addition_ms()),
        "wakeUpUs": round(machine.wake_up_us(), 1),
    }


def table(outcome: Outcome) -> Iterator[str]:
    """Yield the lines of a case's table."""
    rows = _grid(outcome) if outcome.case.is_grid else [COLUMNS, *(_row(outcome, name) for name in outcome.figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    yield f"{outcome.case.name}: {outcome.case.summary}" + (" (quick: much smaller)" if outcome.is_quick else "")
    for row in rows:
        name, *others = (text.rjust(width) for text, width in zip(row, widths, strict=True))
        yield "  ".join(("", name.strip().ljust(widths[0]), *others)).rstrip()
    if outcome.case.is_grid:
        yield from _missed(outcome)
    yield f"  others used {outcome.others_percent:.0f} % of the machine meanwhile"


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return a case's figures with each repetition's value."""
    return {
        "case": outcome.case.name,
        "summary": outcome.case.summary,
        "isQuick": outcome.is_quick,
        "othersPercent": round(outcome.others_percent, 1),
        "figures": [
            {
                "name": name,
                "median": summary.median,
                "min": summary.least,
                "max": summary.greatest,
                "values": list(summary.values),
                "aim": _aim(outcome, name) or None,
                "verdict": outcome.verdict(name) or None,
            }
            for name, summary in outcome.figures.items()
        ],
    }


def _row(outcome: Outcome, name: str) -> tuple[str, ...]:
    summary = outcome.figures[name]
    numbers = (_shown(value) for value in (summary.median, summary.least, summary.greatest))
    return (name, *numbers, str(len(summary.values)), _aim(outcome, name), outcome.verdict(name))


def _aim(outcome: Outcome, name: str) -> str:
    return str(outcome.case.aim(name) or "")


def _missed(outcome: Outcome) -> Iterator[str]:
    """Yield what a grid has no room for: how many of its figures have an aim, and which have not reached it."""
    verdicts = {name: outcome.verdict(name) for name in outcome.figures}
    missed = [name for name, verdict in verdicts.items() if verdict == MISSED]
    judged = sum(verdict in (REACHED, MISSED) for verdict in verdicts.values())
    if judged:
        yield f"  {judged - len(missed)} of {judged} figures have reached their aim{', all but:' if missed else ''}"
    for name in missed:
        yield f"  {name} {_shown(outcome.figures[name].median)}, {_aim(outcome, name)}"


def _grid(outcome: Outcome) -> list[tuple[str, ...]]:
    """Return a row for what stands before the colon of the names, a column for what stands behind it."""
    cells: dict[str, dict[str, str]] = {}
    for name, summary in outcome.figures.items():
        row, _, column = name.rpartition(": ")
        cells.setdefault(row, {})[column] = _shown(summary.median)
    columns = list(dict.fromkeys(column for shown in cells.values() for column in shown))
    return [("", *columns), *((row, *(shown.get(column, "") for column in columns)) for row, shown in cells.items())]


def _shown(value: float) -> str:
    """Write a number with three figures that count, large ones whole."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
