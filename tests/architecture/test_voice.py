"""One voice: names and sentences that people and programs meet are made in one way everywhere."""

import argparse
import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management.base import BaseCommand
from prometheus_client.metrics_core import Metric

from docs.references.commands import commands
from docs.references.metrics import registries
from scheduler.exposition import NAMESPACE

ROOT = Path(__file__).resolve().parents[2]
# A word with a capital, what is put in, an option, a name as it is written, or a value of JSON.
BEGIN = re.compile(r"[A-Z0-9{%`…/]|--|null |false |[a-z]+[A-Z:_`]")
END = re.compile(r"([.?…}`]|%[sdr]|%\.\d+r)$")
ROOMS = ("platform_scheduler", "query", "register", "scheduler", "workers")
# Other things that are rightly called alike.
ALIKE = {
    "--json": "to standard output, or where another report stands there, into a file",
    "--keep": "a number of backups; leave the drill's files",
    "--queue": "where tasks go; how many a queue runs at once",
    "--slots": "how many are compared; which ones run after a restore",
    "--to": "an end; a folder",
}
# A unit, or what is counted, stands last; a few say what is so, or name a level.
ENDINGS = re.compile(
    r"_(seconds|bytes|days|per_second|executions|tasks|slots|workers|concurrency|timestamp_seconds|deliveries|rate|level|depth|priority)$"
)
STATES = {
    "batches_to_publish", "beat_lease_held", "broker_reachable", "circuit_open", "claim_held_by_flood",
    "executions_running", "flow_stopped", "late", "measured", "nodes", "outcomes_unwritten", "queue_running",
}  # fmt: skip
# The words that the glossary has others for.
STRANGE = re.compile(r"\b(back-off|cronjob|re-?try count|time-?out seconds|web ?hook message|the console)\b", re.I)


def _metrics() -> Iterator[Metric]:
    for registry in registries().values():
        yield from (one for one in registry.collect() if one.name.startswith(f"{NAMESPACE}_"))


METRICS = {one.name.removeprefix(f"{NAMESPACE}_"): one for one in _metrics()}


@pytest.mark.parametrize("name", sorted(METRICS))
def test_a_metric_is_called_as_prometheus_would_have_it(name: str):
    metric = METRICS[name]
    labels = {label for sample in metric.samples for label in sample.labels} - {"le"}
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
    assert not re.search(r"(_ms|_millis|_minutes|_total|_count|_gauge|_counter)$", name), "no such ending"
    assert all(re.fullmatch(r"[a-z]+", label) for label in labels)
    assert metric.documentation[-1] == "."


@pytest.mark.parametrize("name", sorted(name for name, one in METRICS.items() if one.type == "histogram"))
def test_a_histogram_is_of_seconds(name: str):
    assert name.endswith("_seconds")


@pytest.mark.parametrize("name", sorted(name for name, one in METRICS.items() if one.type == "gauge"))
def test_a_gauge_says_what_it_counts(name: str):
    assert name in STATES or ENDINGS.search(name)


def _options(command: BaseCommand) -> list[argparse.Action]:
    own = {action.dest for action in BaseCommand().create_parser("manage.py", "x")._actions}
    return [one for one in command.create_parser("manage.py", "x")._actions if one.dest not in own]


COMMANDS = dict(commands())


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_what_it_does_and_what_each_option_is(name: str):
    assert COMMANDS[name].help.endswith(".")
    assert [one.dest for one in _options(COMMANDS[name]) if not one.help] == []


def test_an_option_takes_the_same_in_every_command():
    taken: dict[str, set[Any]] = defaultdict(set)
    for command in COMMANDS.values():
        for option in _options(command):
            for flag in option.option_strings:
                taken[flag].add(option.metavar if option.nargs != 0 else None)
    assert {flag: kinds for flag, kinds in taken.items() if len(kinds) > 1 and flag not in ALIKE} == {}


def _text(node: ast.expr) -> str | None:
    """Return a text as it stands; what is put into it is a brace."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def _said(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield each sentence that a refusal, the log or a field of the API says, and its line."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        place = {"Fault": 2, "Problem": 2, "warning": 0, "error": 0, "exception": 0, "info": 0}.get(name)
        arguments = [*node.args[place : place + 1]] if place is not None else []
        arguments += [one.value for one in node.keywords if one.arg == "help_text"]
        yield from ((node.lineno, text) for one in arguments if (text := _text(one)) and " " in text)


@pytest.mark.parametrize("room", ROOMS)
def test_what_is_said_is_a_sentence_in_our_words(room: str):
    found = [
        f"{path.relative_to(ROOT)}:{line} {text}"
        for path in sorted((ROOT / room).rglob("*.py"))
        if not {"migrations", "models"}.intersection(path.parts)
        for line, text in _said(ast.parse(path.read_text()))
        if not END.search(text) or not BEGIN.match(text) or STRANGE.search(text)
    ]
    assert found == []


# Where an instant is not told to people: in the zone of a task, as an hour to be counted anew, beside its own zone.
WRITTEN_OTHERWISE = {
    "platform_scheduler/management/commands/rebuild_rollups.py", "register/admin/meanings.py",
    "register/admin/task_fields.py", "register/management/commands/simulate.py",
    "scheduler/engine/schedules/instants.py",
}  # fmt: skip


@pytest.mark.parametrize("room", ROOMS)
def test_an_instant_is_told_in_one_way(room: str):
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / room).rglob("*.py")
        if "migrations" not in path.parts and re.search(r"%Y.{0,8}%H:%M", path.read_text())
    }
    assert found - WRITTEN_OTHERWISE == set(), "use scheduler.engine.schedules.instants.told"
