"""Django's connections are closed behind the tasks that open them, and cost the others nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from celery import signals

from platform_scheduler.celery import app
from platform_scheduler.fixups import Fixup, WorkerFixup


@dataclass
class Connection:
    """What Django keeps for a database, open or not."""

    connection: object | None
    alias: str = "default"
    closed_count: int = 0

    def close(self) -> None:
        self.closed_count += 1


def ended(*connections: Connection) -> None:
    fixup = WorkerFixup(app)
    fixup._db = SimpleNamespace(connections=SimpleNamespace(all=lambda initialized_only: connections))
    fixup.on_task_postrun(sender=SimpleNamespace(request=SimpleNamespace(is_eager=False)))


def test_it_closes_what_a_task_has_opened():
    opened = Connection(connection=object())
    ended(opened)
    assert opened.closed_count == 1


def test_it_does_nothing_about_what_is_not_open():
    unopened = Connection(connection=None)
    ended(unopened)
    assert unopened.closed_count == 0


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkerFixup]:
    names = ("task_prerun", "task_postrun", "worker_process_init", "beat_embedded_init")
    before = {name: list(getattr(signals, name).receivers) for name in names}
    fixup = WorkerFixup(app)
    monkeypatch.setattr(fixup, "_db", SimpleNamespace(connections=SimpleNamespace(all=lambda initialized_only: ())))
    yield fixup.install()
    for name, receivers in before.items():
        getattr(signals, name).receivers[:] = receivers


def test_it_hears_of_tasks_that_have_ended_and_of_none_that_begins(installed: WorkerFixup):
    heard = [[receiver() for _, receiver in signal.receivers] for signal in (signals.task_prerun, signals.task_postrun)]
    assert installed.on_task_prerun not in heard[0]
    assert installed.on_task_postrun in heard[1]


def test_the_application_has_it_and_no_other():
    assert [type(one) for one in vars(app)["_fixups"]] == [Fixup]
