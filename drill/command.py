"""`manage.py drill` behind its command line."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from random import SystemRandom
from typing import Any

from drill import report
from drill.errors import CannotDrill, UnknownFault
from drill.faults import FAULTS, chosen
from drill.run import Plan, drill
from drill.stress import report as stress_report
from drill.stress import run as stressing

SECONDS_A_MINUTE = 60
LARGEST_SEED = 2**31
SHORTEST_SECONDS = 15

Say = Callable[[str], None]


def run(options: Mapping[str, Any], *, say: Say) -> int:
    """Run a drill by the options of the command; return the exit status: 1 where a promise was broken."""
    if options["list"]:
        for name, fault in FAULTS.items():
            say(f"  {name:<20}{' '.join((fault.__doc__ or '').split())}")
        return 0
    try:
        return _stress(options, say=say) if options["stress"] else _run(options, say=say)
    except (CannotDrill, UnknownFault) as refusal:
        say(f"✗ {refusal}")
        return 1


def _run(options: Mapping[str, Any], *, say: Say) -> int:
    seed = options["seed"] if options["seed"] is not None else SystemRandom().randrange(LARGEST_SEED)
    seconds = _seconds(options)
    plan = Plan(
        seconds=seconds, seed=seed, faults=chosen(options["faults"]), tasks=options["tasks"], keeps=options["keep"]
    )
    say(f"Drill of {options['minutes']:g} min, seed {seed}")
    done = drill(plan, say=say)
    facts: dict[str, Any] = {"seed": seed, "seconds": seconds, "calm_after": done.calm_after}
    for line in report.lines(done.verdict, done.faults, **facts):
        say(line)
    if options["json"]:
        text = json.dumps(report.document(done.verdict, done.faults, **facts), indent=1)
        Path(options["json"]).write_text(text, encoding="utf-8")
    say("Every promise was kept." if done.verdict.is_good else "✗ Promises were broken.")
    return 0 if done.verdict.is_good else 1


def _stress(options: Mapping[str, Any], *, say: Say) -> int:
    plan = stressing.Plan(seconds=_seconds(options), is_protected=not options["unprotected"], keeps=options["keep"])
    say(f"Stress of {options['minutes']:g} min, protection {'on' if plan.is_protected else 'off'}")
    came = stressing.stress(plan, say=say)
    for line in stress_report.lines(came):
        say(line)
    if options["json"]:
        Path(options["json"]).write_text(json.dumps(stress_report.document(came), indent=1), encoding="utf-8")
    say("Every promise was kept." if not came.broken() else "✗ Promises were broken.")
    return 1 if came.broken() else 0


def _seconds(options: Mapping[str, Any]) -> float:
    """Return how long it is to last. Raises CannotDrill."""
    seconds: float = options["minutes"] * SECONDS_A_MINUTE
    if not seconds >= SHORTEST_SECONDS or options["tasks"] < 1:  # NaN is neither
        raise CannotDrill(f"A drill takes {SHORTEST_SECONDS} s or longer, --minutes 0.25, and a task or more.")
    return seconds
