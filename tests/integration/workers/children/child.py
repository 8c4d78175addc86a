"""A child of a worker, as its reporter would see it, and handlers for it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from scheduler.records import Outcome
from workers.board import Board
from workers.context import Context
from workers.pipe import Pipe
from workers.registry import Data
from workers.run import Runner

NODE = UUID("00000000-0000-4000-8000-00000000000f")


class Child:
    """A child of a worker; `ran` is what its own handler was called for, `does` what that does at its nth call."""

    def __init__(self) -> None:
        self.board = Board()
        self.pipe = Pipe()
        self.runner = Runner(node_id=NODE, slot=3, board=self.board, pipe=self.pipe)
        self.ran: list[UUID] = []
        self.does: dict[int, Callable[[], Any]] = {}

    def sent(self) -> list[Outcome]:
        return list(self.pipe.receive(timeout=0))

    def handle(self, data: Data, context: Context) -> None:
        self.ran.append(context.execution_id)
        self.does.get(len(self.ran), int)()


def nothing(data: Data, context: Context) -> None:
    """Do nothing."""


def raises(error: BaseException) -> Callable[[Data, Context], Any]:
    def fail(data: Data, context: Context) -> None:
        raise error

    return fail


def summary(outcome: Outcome) -> tuple[str, str | None, bool]:
    return outcome.status, outcome.result, outcome.is_permanent
