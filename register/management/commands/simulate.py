"""`manage.py simulate`: what days to come bring, before they come."""

import json
import sys
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError

from register import catalogue_file, simulating
from register.files import FORMATS, open_source
from register.formats.record import UnreadableFile
from register.terminal import one_line
from scheduler import clock, connections, simulations
from scheduler.engine import expectations
from scheduler.engine.expectations import BadExpectation, Expectation
from scheduler.engine.simulation import TooMany
from scheduler.models import Task
from scheduler.simulations import Result, Wishes

MOST_DAYS = 366
BAD_USAGE = 2


class Command(BaseCommand):
    help = (
        "Play the schedules that are registered, or those of files, against a number of workers: waits, late slots, SLA"
        " breaches and peaks of days to come. Exit 1 where a --fail-if holds, 2 where something is written wrongly."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("files", nargs="*", metavar="FILE", help="records as of register_tasks, instead of what is registered")
        add("--format", choices=list(FORMATS), help="of all files (default: by the ending of each name)")
        add("--catalogue", type=Path, metavar="FILE", help="the handlers (export_catalogue); with files, needed")
        add("--namespace", metavar="NS", help="only its tasks; of files, for records that name none")
        add("--days", type=float, default=1.0, metavar="N", help="how far ahead (default: 1)")
        add("--from", dest="begin", metavar="WHEN", help="when it begins, as in 2026-12-01T00:00:00Z (default: now)")
        add("--workers", type=int, default=4, metavar="N", help="executions that each queue runs at once (default: 4)")
        add("--queue", action="append", default=[], metavar="NAME=N", help="of one queue another number; repeatable")
        add("--unknown-seconds", type=float, default=1.0, metavar="S", help="what a task that never ran takes (1)")
        add("--seed", type=int, default=0, metavar="N", help="the same for the same (default: 0)")
        add(
            "--fail-if", action="append", default=[], metavar="TEXT", help='as in "late > 0" or "reports:wait_p95 > 30"'
        )
        add("--most", type=int, default=simulations.MOST, metavar="N", help="no more executions (default: 5,000,000)")
        add("--json", action="store_true", help="answer JSON instead of a table")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            wishes = _wishes(options, now=None if options["files"] else clock.now())
            tasks = self._tasks(options, wishes)
            known = simulations.Known()
            if not options["files"]:
                known = simulations.known(connections.current(), tasks)
            queues = {task.queue: None for task in tasks}
            held = [_expectation(text, queues) for text in options["fail_if"]]
            result = simulations.simulate(tasks, known, wishes)
        except (ValueError, BadExpectation, UnreadableFile) as refusal:
            raise CommandError(one_line(str(refusal)), returncode=BAD_USAGE) from None
        except simulating.BadRecords as bad:
            for line in bad.lines:
                self.stderr.write(one_line(line))
            raise CommandError(str(bad), returncode=BAD_USAGE) from None
        except TooMany:
            message = f"More than {options['most']:,} executions: ask for fewer --days, or more with --most."
            raise CommandError(message, returncode=BAD_USAGE) from None
        except DatabaseError as error:
            raise CommandError(f"Stopped: {one_line(str(error))}", returncode=BAD_USAGE) from None
        self._report(result, held, as_json=options["json"])

    def _tasks(self, options: dict[str, Any], wishes: Wishes) -> list[Task]:
        if not options["files"]:
            return list(simulating.registered(options["namespace"]))
        if options["catalogue"] is None:
            raise ValueError("Files are checked against a catalogue: name one with --catalogue (export_catalogue).")
        catalogue = catalogue_file.read(options["catalogue"])
        with ExitStack() as opened:
            sources = [open_source(file, format_name=options["format"]) for file in options["files"]]
            for source in sources:
                opened.callback(source.stream.close)
            return simulating.of_files(sources, catalogue, namespace=options["namespace"], now=wishes.begin)

    def _report(self, result: Result, held: list[Expectation], *, as_json: bool) -> None:
        total = simulations.of_all(result)
        by_queue = {one.queue: simulations.figures(one, result.wishes) for one in result.outcomes}
        failing = [one for one in held if one.holds(by_queue[one.queue] if one.queue is not None else total)]
        if as_json:
            self.stdout.write(json.dumps(_document(result, total, by_queue, failing), indent=2))
        else:
            self._table(result, total, by_queue)
        if failing:
            for one in failing:
                self.stderr.write(f"Fails: {one.text}")
            sys.exit(1)

    def _table(self, result: Result, total: dict[str, float], by_queue: dict[str, dict[str, float]]) -> None:
        wishes = result.wishes
        self.stdout.write(
            f"{result.task_count:,} tasks from {wishes.begin:%Y-%m-%d %H:%M} UTC for {wishes.days:g} days, seed"
            f" {wishes.seed}; {result.unknown_count:,} of unknown duration, {wishes.unknown_seconds:g} s assumed"
        )
        width = max(map(len, [*by_queue, "all queues"]), default=0)
        self.stdout.write(f"{'queue':{width}}  " + "  ".join(f"{name:>11}" for name in simulations.FIGURES))
        for name, figures in [*by_queue.items(), ("all queues", total)]:
            cells = "  ".join(f"{_cell(figure, figures[figure]):>11}" for figure in simulations.FIGURES)
            self.stdout.write(f"{name:{width}}  {cells}")
        for outcome in result.outcomes:
            for peak in simulations.peaks(outcome):
                self.stdout.write(
                    f"peak of {outcome.queue}: the hour from {peak['hour']}, {peak['executions']:,} executions,"
                    f" longest wait {peak['longestWaitSeconds']:,.1f} s"
                )


def _wishes(options: dict[str, Any], *, now: datetime | None) -> Wishes:
    """Return what is asked for. Raises ValueError, which says what is wrong."""
    if not 0 < options["days"] <= MOST_DAYS:
        raise ValueError(f"--days: a number above 0, {MOST_DAYS} at most.")
    if options["workers"] < 1 or options["most"] < 1:
        raise ValueError("--workers, --most: 1 or more.")
    if options["unknown_seconds"] < 0:
        raise ValueError("--unknown-seconds: 0 or more.")
    begin = _instant(options["begin"]) if options["begin"] else now or clock.of_machine()
    return Wishes(
        begin=begin.replace(microsecond=0),
        days=options["days"],
        children=options["workers"],
        children_of=simulating.children_of(options["queue"]),
        unknown_seconds=options["unknown_seconds"],
        seed=options["seed"],
        most=options["most"],
    )


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"--from: {text!r} is no instant; write one as in 2026-12-01T00:00:00Z.") from None
    if instant.tzinfo is None:
        raise ValueError(f"--from: {text!r} has no offset; write one as in 2026-12-01T00:00:00Z.")
    return instant


def _expectation(text: str, queues: dict[str, None]) -> Expectation:
    return expectations.read(text, figures=dict.fromkeys(simulations.FIGURES), queues=queues)


def _cell(name: str, value: float) -> str:
    if name.startswith("wait_"):
        return f"{value:,.1f} s"
    return f"{100 * value:.1f} %" if name in ("late_share", "utilisation") else f"{value:,.0f}"


def _document(
    result: Result, total: dict[str, float], by_queue: dict[str, dict[str, float]], failing: list[Expectation]
) -> dict[str, Any]:
    wishes = result.wishes
    peaks = {one.queue: simulations.peaks(one) for one in result.outcomes}
    depth_at = {one.queue: one.depth_max_at for one in result.outcomes}
    return {
        "from": wishes.begin.isoformat(), "days": wishes.days, "seed": wishes.seed, "tasks": result.task_count,
        "tasksOfUnknownDuration": result.unknown_count, "assumedSeconds": wishes.unknown_seconds,
        "total": _rounded(total),
        "queues": [
            {
                "queue": one.queue, "workers": one.children, **_rounded(by_queue[one.queue]),
                "depthMaxAt": simulations.written(depth_at[one.queue]), "peaks": peaks[one.queue],
            }
            for one in result.outcomes
        ],
        "fails": [one.text for one in failing],
    }  # fmt: skip


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in figures.items()}
