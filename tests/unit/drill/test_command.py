"""The command line of the drill: what it refuses, and what it tells of its faults."""

from typing import Any

import pytest

from drill import command
from drill.faults import FAULTS

OPTIONS: dict[str, Any] = {
    "minutes": 1.0, "seed": 1, "faults": "all", "tasks": 1, "json": None, "keep": False, "list": False,
    "stress": False, "unprotected": False,
}  # fmt: skip


def _run(**options: Any) -> tuple[int, list[str]]:
    said: list[str] = []
    return command.run(OPTIONS | options, say=said.append), said


def test_it_lists_every_fault_with_a_sentence():
    status, said = _run(list=True)
    assert (status, [line.split()[0] for line in said]) == (0, list(FAULTS))


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.name)
def test_a_fault_says_in_one_sentence_what_it_is(fault: Any):
    assert fault.__doc__.strip().endswith(".")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"faults": "kill-sheduler"}, "kill-sheduler"),
        ({"faults": "kill-web,,"}, "''"),
        ({"minutes": 0.1}, "15 s"),
        ({"minutes": -1}, "15 s"),
        ({"minutes": float("nan")}, "15 s"),
        ({"tasks": 0}, "a task or more"),
    ],
)
def test_it_refuses_what_is_no_drill(options: dict[str, Any], word: str):
    status, said = _run(**options)
    assert (status, len(said), word in said[0]) == (1, 1, True)
