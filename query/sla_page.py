"""What the report on SLA that people print shows."""

from datetime import datetime
from typing import Any, Final

from django.http import QueryDict

from query import compliance, scopes
from query.compliance import DEFAULT_GROUPING, GROUPINGS, Counts, Line
from scheduler import display
from scheduler.parameters import Reader

MOST_LINES: Final = 1_000


def context(parameters: QueryDict, *, bound_to: str | None, now: datetime) -> dict[str, Any]:
    """Return what the page is filled with; where something is wrong with the parameters, what is.

    `bound_to` is the only namespace that whoever looks may see, None where that is every one.
    """
    reader = Reader(parameters)
    reader.refuse_strangers(["by", *scopes.PARAMETERS])
    by = reader.word("by", default=DEFAULT_GROUPING, known=GROUPINGS)
    scope = scopes.read(reader, bound_to=bound_to, today=now.date())
    asked = {
        "groupings": GROUPINGS,
        "by": by,
        "first": str(scope.first),
        "last": str(scope.last),
        "namespace": scope.namespace or "",
        "label": parameters.get("label", ""),
        "faults": reader.faults,
    }
    if reader.faults:
        return asked
    report = compliance.report(by, scope, page=0, size=MOST_LINES)
    return {
        **asked,
        "at": display.absolute(now),
        "report": report,
        "lines": [
            {"name": _name(line), "counts": line.counts, "share": _percent(line.counts)} for line in report.lines
        ],
        "total_share": _percent(report.total),
        "left_out": report.line_count - len(report.lines),
    }


def _name(line: Line) -> str:
    return f"{line.task_name} ({line.namespace})" if line.task_name else line.key


def _percent(counts: Counts) -> str:
    """Return the share of kept slots; rounded down, for 100 % says that nothing was broken."""
    if counts.share is None:
        return "-"
    return f"{counts.kept * 10_000 // counts.slots / 100:.2f} %"
