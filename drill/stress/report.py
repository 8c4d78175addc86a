"""What came of a stress, for people and as JSON."""

from typing import Any

from drill.stress.findings import Stressed

MEGABYTE = 1024 * 1024


def lines(stressed: Stressed) -> list[str]:
    """Return the report, line by line."""
    memory = ", ".join(
        f"{role} {settled // MEGABYTE:,} → {later // MEGABYTE:,} MiB"
        for role, (settled, later) in sorted(stressed.memory.items())
    )
    shown = [
        ("slots expected", f"{stressed.expected:,}, missed {stressed.missed}, doubled {stressed.doubled}"),
        ("what became of them", ", ".join(f"{name} {count:,}" for name, count in stressed.outcomes.items())),
        (
            "critical, late",
            f"median {stressed.late(0.5):.3f} s, p99 {stressed.late(0.99):.3f} s, most {stressed.late(1):.3f} s"
            f" of {len(stressed.lateness) + stressed.unstarted:,}",
        ),
        ("levels, looks", ", ".join(f"{level} {count}" for level, count in sorted(stressed.levels.items()))),
        ("most that was open", ", ".join(f"{name} {count:,}" for name, count in sorted(stressed.most_open.items()))),
        ("memory", memory),
        ("answers", ", ".join(f"{who} {what} {n:,}" for (who, what), n in sorted(stressed.answers.items()))),
        ("slowest answers", ", ".join(f"{who} {slowest:.2f} s" for who, slowest in stressed.slowest.items())),
        ("open after the load", f"{stressed.open_after_load:,}"),
        ("calm after", _calm(stressed)),
    ]
    broken = [f"  ✗ {words}" for words in stressed.broken()]
    return [*(f"  {name:<24}{value}" for name, value in shown), *broken]


def document(stressed: Stressed) -> dict[str, Any]:
    """Return the figures as what JSON can hold."""
    return {
        "expected": stressed.expected, "missed": stressed.missed, "doubled": stressed.doubled,
        "strayed": stressed.strayed,
        "outcomes": dict(stressed.outcomes),
        "criticalLatenessSeconds": {
            "count": len(stressed.lateness), "unstarted": stressed.unstarted,
            **{f"p{round(share * 100)}": stressed.late(share) for share in (0.5, 0.99, 1)},
        },
        "secondsByLevel": dict(stressed.levels), "mostOpen": dict(stressed.most_open),
        "memoryBytes": {role: list(both) for role, both in stressed.memory.items()},
        "answers": {f"{method} {status}": count for (method, status), count in sorted(stressed.answers.items())},
        "slowestSeconds": dict(stressed.slowest), "openAfterLoad": stressed.open_after_load,
        "openAtEnd": dict(stressed.open_at_end), "calmAfterSeconds": stressed.calm_after,
        "patienceSeconds": stressed.patience, "broken": stressed.broken(),
    }  # fmt: skip


def _calm(stressed: Stressed) -> str:
    if stressed.calm_after is not None:
        return f"{stressed.calm_after:.0f} s, of {stressed.patience:.0f} at most"
    left = ", ".join(f"{name} {count:,}" for name, count in sorted(stressed.open_at_end.items()))
    return f"not within {stressed.patience:.0f} s; open: {left or 'nothing, but not everything goes'}"
