"""The one refusal that every schedule raises."""

from typing import Literal

Code = Literal["invalid", "impossible"]

CRON_FIELD = "cronExpression"


class InvalidSchedule(ValueError):
    """Say which field of a schedule is wrong and what to write in its place.

    `field` is the API's name of the field. `code` is "invalid" for what is malformed (HTTP 400)
    and "impossible" for what is well-formed and never fires (HTTP 422).
    """

    def __init__(self, field: str, code: Code, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.code: Code = code
        self.message = message

    def __reduce__(self) -> tuple[type["InvalidSchedule"], tuple[str, Code, str]]:
        # BaseException would rebuild it from the message alone when it crosses a process boundary.
        return type(self), (self.field, self.code, self.message)


def malformed_cron(message: str) -> InvalidSchedule:
    """Return the refusal of a cron text that cannot be read."""
    return InvalidSchedule(CRON_FIELD, "invalid", message)
