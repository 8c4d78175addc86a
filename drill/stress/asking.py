"""Those who ask the API under stress: readers and writers, each one request after the other."""

import itertools
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from drill.platform import Platform
from scheduler import clock

READS = ("/api/v1/tasks?size=20", "/api/v1/executions?size=20", "/api/v1/stats/overview", "/api/v1/protection")
READERS = 2
REST_SECONDS = 0.2
NO_ANSWER = 0
UNAVAILABLE = 503


class Asking:
    """Asks until it is left; `statuses` counts answers by method and status, 0 where there was none."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._ending = threading.Event()
        self._pool = ThreadPoolExecutor(READERS + 1)
        self._numbers = itertools.count()
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.slowest: dict[str, float] = {"GET": 0.0, "POST": 0.0}
        self.bare_refusals = 0

    def __enter__(self) -> "Asking":
        self._askers = [self._pool.submit(self._read, READS[number:] + READS[:number]) for number in range(READERS)]
        self._askers.append(self._pool.submit(self._write))
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._pool.shutdown()
        for asker in self._askers:
            asker.result()

    @property
    def was_refused(self) -> bool:
        """Whether a write was refused for the load."""
        return self.statuses["POST", UNAVAILABLE] > 0

    def _read(self, paths: Sequence[str]) -> None:
        for path in itertools.cycle(paths):
            if self._ending.wait(REST_SECONDS):
                return
            self._ask("GET", path)

    def _write(self) -> None:
        while not self._ending.wait(REST_SECONDS):
            body = {"name": f"asked for {next(self._numbers)}", "taskClass": "platform.noop"}
            self._ask("POST", "/api/v1/tasks", body)

    def _ask(self, method: str, path: str, body: object = None) -> None:
        began, status = clock.monotonic(), NO_ANSWER
        try:
            answer = self._platform.call(method, path, body)
            status = answer.status
            self.bare_refusals += status == UNAVAILABLE and not answer.retry_after
        except OSError:
            pass
        self.slowest[method] = max(self.slowest[method], clock.monotonic() - began)
        self.statuses[method, status] += 1
