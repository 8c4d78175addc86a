"""Runs cases and reports them; whatever ends it, its processes end and its folder goes."""

import json
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import psycopg

from bench import engines, report
from bench.cases import CASES
from bench.cpu import Neighbours
from bench.engines import Engines
from bench.failures import MeasurementFailed
from bench.figures import Case
from bench.report import Outcome
from bench.stage import Stage, Wishes
from bench.statistics import summarized
from platform_scheduler.embedded.errors import CannotStart
from scheduler import clock

Say = Callable[[str], None]


def listed() -> list[str]:
    """Return a line for each case, with its aims."""
    return [_line(case) for case in CASES.values()]


def run(options: Mapping[str, Any], *, say: Say, tell: Say) -> None:
    """Run the cases that the options name; `say` is given the tables, `tell` what goes on meanwhile.

    Raises CannotStart: what cannot begin, or has failed; KeyboardInterrupt, with everything stopped.
    """
    wishes = Wishes(
        repeat=options["repeat"],
        is_quick=options["quick"],
        firings=options["firings"],
        peer=options["peer"],
        tasks=options["tasks"],
        databases=options["database"] or (),
        seed=options["seed"],
    )
    chosen = [CASES[name] for name in options["cases"]]
    _heed_the_end()
    try:
        with _engines(options) as found, Stage(found, wishes, tell).prepared() as stage:
            _run_all(chosen, stage, say=say, file=options["json"])
    finally:
        _heed_nothing()


def _run_all(chosen: Sequence[Case], stage: Stage, *, say: Say, file: str | None) -> None:
    """Run one case after the other, and keep what is measured: one that fails, or Ctrl-C, takes no other's with it."""
    known = _conditions(stage.engines)
    say(", ".join(f"{name} {value}" for name, value in known.items()))
    documents: list[dict[str, Any]] = []
    failures: list[str] = []
    for case in chosen:
        try:
            outcome = _run_one(case, stage)
        except (CannotStart, psycopg.Error) as failure:
            failures.append(f"{case.name}: {failure}")
            stage.say(failures[-1])
            continue
        documents.append(report.as_json(outcome))
        _write(file, {"conditions": known, "cases": documents})
        for line in ("", *report.table(outcome)):
            say(line)
    if failures:
        raise CannotStart("; ".join(failures))


def _write(file: str | None, measured: dict[str, Any]) -> None:
    if file is not None:
        Path(file).write_text(json.dumps(measured, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _run_one(case: Case, stage: Stage) -> Outcome:
    stage.repeat = stage.wishes.repeat or case.repeat
    samples, neighbours = [], Neighbours()
    try:
        for number, sample in enumerate(case.measure(stage), start=1):
            stage.say(f"{case.name} {number} of {stage.repeat}")
            samples.append(sample)
    except MeasurementFailed as failure:
        raise CannotStart(str(failure)) from failure
    return Outcome(
        case=case,
        figures=summarized(samples),
        is_quick=stage.wishes.is_quick,
        others_percent=neighbours.percent(),
    )


def _conditions(found: Engines) -> dict[str, Any]:
    with psycopg.connect(found.database_url) as connection:
        row = connection.execute("SHOW server_version").fetchone()
        postgres = str(row[0]).split()[0] if row else ""
        return report.conditions(engines=found.description, postgres=postgres, now=clock.read(connection))


def _engines(options: Mapping[str, Any]) -> AbstractContextManager[Engines]:
    return engines.of_environment() if options["here"] else engines.throw_away(is_durable=not options["no_fsync"])


def _line(case: Case) -> str:
    aims = "; ".join(f"{name} {aim}" for name, aim in case.aims.items())
    return f"{case.name:16}{case.summary}" + (f" (aims: {aims})" if aims else "")


def _heed_the_end() -> None:
    def end(*_: object) -> None:
        _heed_nothing()  # from here everything is being stopped: a second Ctrl-C would leave half of it
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)


def _heed_nothing() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
