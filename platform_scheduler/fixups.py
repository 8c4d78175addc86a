"""What Celery does for Django in this application: the same as ever, but for looking at what no task has opened."""

from typing import Any

from celery import Celery, signals
from celery.fixups.django import DjangoFixup, DjangoWorkerFixup  # type: ignore[attr-defined]


class WorkerFixup(DjangoWorkerFixup):  # type: ignore[misc]
    """Closes Django's connections behind a task that has opened one.

    Celery's own closes them before and behind each task, open or not, and asks the settings about each: a tenth of what
    a short execution costs its child, which has a connection of its own and opens none of these.
    """

    def install(self) -> "WorkerFixup":
        """Hear of tasks that have ended, and of none that begins."""
        super().install()
        signals.task_prerun.disconnect(self.on_task_prerun)
        return self

    def _close_database(self) -> None:
        if any(one.connection is not None for one in self._db.connections.all(initialized_only=True)):
            super()._close_database()


class Fixup(DjangoFixup):
    """Celery's own, with the part above in the worker."""

    _worker_fixup: Any

    @property
    def worker_fixup(self) -> Any:
        """Made when it is first asked for: by then the settings are read."""
        if self._worker_fixup is None:
            self._worker_fixup = WorkerFixup(self.app)
        return self._worker_fixup


def fixup(app: Celery) -> Any:
    """Install and return it, for Celery, which knows this function by its name."""
    return Fixup(app).install()
