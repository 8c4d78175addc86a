"""`platform.noop`: does nothing, to try a schedule or to measure the platform."""

from workers.context import Context
from workers.registry import Data, handler


@handler("platform.noop", schema={"type": "object", "additionalProperties": True}, fills_templates=True)
def noop(data: Data, context: Context) -> None:
    """Do nothing."""
