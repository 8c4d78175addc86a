"""What came of a drill, for people and as JSON."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from drill.findings import Kind, Struck, Verdict

MOST_SHOWN = 20


def lines(
    verdict: Verdict, faults: Sequence[Struck], *, seed: int, seconds: float, calm_after: float | None
) -> list[str]:
    """Return the report, line by line."""
    struck = Counter(fault.name for fault in faults)
    shown = [
        ("seed", str(seed)),
        ("seconds under load", f"{seconds:.0f}"),
        (
            "faults struck",
            f"{len(faults)}  ({', '.join(f'{name} {n}' for name, n in sorted(struck.items())) or 'none'})",
        ),
        ("slots expected", f"{verdict.expected:,}"),
        ("slots recorded", f"{verdict.recorded:,}"),
        ("slots missed", str(verdict.count(Kind.MISSED))),
        ("slots doubled", str(verdict.count(Kind.DOUBLED))),
        ("attempts started twice", str(verdict.count(Kind.STARTED_TWICE))),
        ("executions left open", str(verdict.count(Kind.OPEN))),
        ("other broken promises", str(len(_others(verdict)))),
        ("attempts, starts", f"{verdict.attempts:,}, {verdict.starts:,}"),
        ("by status", ", ".join(f"{status} {count:,}" for status, count in sorted(verdict.statuses.items()))),
        ("largest lateness", f"{verdict.largest_lateness:.3f} s to the start, median {verdict.median_lateness:.3f} s"),
        ("", f"{verdict.largest_quiet_lateness:.3f} s to the start where nothing was broken"),
        ("", f"{verdict.largest_claim_lateness:.3f} s to the record"),
        ("calm after", f"{calm_after:.1f} s" if calm_after is not None else "never: see what is left open"),
    ]
    found = [f"  ✗ {finding}" for finding in verdict.findings[:MOST_SHOWN]]
    if len(verdict.findings) > MOST_SHOWN:
        found.append(f"  … and {len(verdict.findings) - MOST_SHOWN} more: --json has them all")
    return [*(f"  {name:<24}{value}" for name, value in shown), *found]


def document(
    verdict: Verdict, faults: Sequence[Struck], *, seed: int, seconds: float, calm_after: float | None
) -> dict[str, Any]:
    """Return the report as what JSON can hold."""
    return {
        "seed": seed,
        "seconds": seconds,
        "calmAfterSeconds": calm_after,
        "slots": {
            "expected": verdict.expected,
            "recorded": verdict.recorded,
            "missed": verdict.count(Kind.MISSED),
            "doubled": verdict.count(Kind.DOUBLED),
        },
        "startedTwice": verdict.count(Kind.STARTED_TWICE),
        "leftOpen": verdict.count(Kind.OPEN),
        "attempts": verdict.attempts,
        "starts": verdict.starts,
        "statuses": dict(verdict.statuses),
        "largestLatenessSeconds": verdict.largest_lateness,
        "largestQuietLatenessSeconds": verdict.largest_quiet_lateness,
        "medianLatenessSeconds": verdict.median_lateness,
        "largestClaimLatenessSeconds": verdict.largest_claim_lateness,
        "faults": [
            {"name": fault.name, "detail": fault.detail, "began": str(fault.began), "ended": str(fault.ended)}
            for fault in faults
        ],
        "findings": [
            {"kind": finding.kind.value, "task": finding.task, "text": finding.text} for finding in verdict.findings
        ],
    }


def _others(verdict: Verdict) -> list[object]:
    named = {Kind.MISSED, Kind.DOUBLED, Kind.STARTED_TWICE, Kind.OPEN}
    return [finding for finding in verdict.findings if finding.kind not in named]
