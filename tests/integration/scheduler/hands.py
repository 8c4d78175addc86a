"""The clocks of a node, in the test's hands."""

from datetime import datetime, timedelta


class Hands:
    """The clocks, moved by the test: the database's and this process's, which agree."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.second = 1_000.0

    def move(self, by: timedelta) -> datetime:
        self.now += by
        self.second += by.total_seconds()
        return self.now
