"""A short steady load on the gateway, whose answers are kept with the moments at which they were asked for."""

import itertools
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from drill.client import BrokenOff
from tests.acceptance.split import Split

READERS = 3
WRITERS = 2
NO_ANSWER = 0
# Its process died between the head and the end of an answer, which the gateway was passing on already.
BROKEN_OFF = -1
CREATED, TAKEN = 201, 409
# Not read, not taken, or perhaps taken: one who wants to be sure asks again.
UNSURE = {"GET": (BROKEN_OFF,), "POST": (BROKEN_OFF, NO_ANSWER, 502, 503, 504)}
MOST_TRIES = 100


class Asked(NamedTuple):
    """One request: when it began and ended, by the monotonic clock, its status, and those of the tries before that."""

    method: str
    name: str
    began: float
    ended: float
    status: int
    before: tuple[int, ...] = ()


class Load:
    """Readers list the tasks, writers register new ones, each one request after the other, until stopped.

    Whose answer broke off asks again, and so does a writer that was not answered, until it is; that the name is taken
    then says that the request was.
    """

    def __init__(self, split: Split) -> None:
        self._split = split
        self._stopping = threading.Event()
        self._numbers = itertools.count()
        self.asked: list[Asked] = []
        self._pool = ThreadPoolExecutor(READERS + WRITERS)

    def __enter__(self) -> "Load":
        methods = ["GET"] * READERS + ["POST"] * WRITERS
        self._askers = [self._pool.submit(self._keep_asking, method) for method in methods]
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._pool.shutdown()
        for asker in self._askers:
            asker.result()

    def count(self, method: str, *, since: float = 0.0) -> int:
        """Return how many such requests were made since then."""
        return sum(asked.method == method and asked.began >= since for asked in list(self.asked))

    def statuses(self, method: str, *, since: float = 0.0) -> Counter[int]:
        """Return how often each status was the answer to requests since then."""
        return Counter(asked.status for asked in list(self.asked) if asked.method == method and asked.began >= since)

    def names(self, status: int) -> set[str]:
        """Return the names of the tasks whose registration had this answer."""
        return {asked.name for asked in self.asked if asked.method == "POST" and asked.status == status}

    def _keep_asking(self, method: str) -> None:
        while not self._stopping.wait(0.02):
            name = f"load {next(self._numbers)}"
            body = {"name": name, "taskClass": "platform.noop"} if method == "POST" else None
            began = time.monotonic()
            before: tuple[int, ...] = ()
            status = self._ask(method, body)
            while status in UNSURE[method] and len(before) < MOST_TRIES:
                self._stopping.wait(0.1)
                before += (status,)
                status = self._ask(method, body)
            if status == TAKEN and before:
                status = CREATED
            self.asked.append(Asked(method, name, began, time.monotonic(), status, before))

    def _ask(self, method: str, body: dict[str, str] | None) -> int:
        try:
            return self._split.call(method, "/api/v1/tasks", body).status
        except BrokenOff:
            return BROKEN_OFF
        except OSError:
            return NO_ANSWER
