"""Which secrets task data may name: those that the settings of the namespace list, where they list any.

Elsewhere the worker alone knows, by its SECRET_NAMES, and refuses at the start.
"""

import json
from collections.abc import Collection, Iterable
from typing import Any

from register.surroundings import Surroundings
from scheduler.engine.placeholders import SECRET, named_secrets
from scheduler.engine.suggestions import did_you_mean
from scheduler.errors import Fault

FAULTS_SHOWN = 20


def unlisted(task_data: str | None, *, namespace: str, among: Surroundings) -> list[Fault]:
    """Return where task data name a secret that the namespace does not list."""
    # Most task data hold no such name, neither plain nor in escapes: those need not be read.
    if task_data is None or (SECRET not in task_data and "\\u" not in task_data):
        return []
    named = list(named_secrets(json.loads(task_data)))
    listed = among.secret_names(namespace) if named else []
    return list(_faults(named, listed, namespace))[:FAULTS_SHOWN] if listed else []


def unlisted_in(value: Any, *, at: str, namespace: str, among: Surroundings) -> list[Fault]:
    """Return where a value that has been read, of the field `at`, names a secret that the namespace does not list."""
    named = list(named_secrets(value, path=at))
    listed = among.secret_names(namespace) if named else []
    return list(_faults(named, listed, namespace))[:FAULTS_SHOWN] if listed else []


def _faults(named: Iterable[tuple[str, str]], listed: Collection[str], namespace: str) -> Iterable[Fault]:
    for path, name in named:
        if name not in listed:
            message = f"Namespace {namespace} does not list the secret {name[:100]!r}.{did_you_mean(name, listed)}"
            yield Fault(path, "unlisted_secret", message, is_impossible=True)
