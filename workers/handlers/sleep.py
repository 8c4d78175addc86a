"""`platform.sleep`: waits, to try timeouts, overlap and shutdown."""

import time

from workers.context import Context
from workers.registry import Data, handler

SCHEMA = {
    "type": "object",
    "properties": {"seconds": {"type": "number", "minimum": 0, "maximum": 86_400, "description": "How long."}},
    "required": ["seconds"],
    "additionalProperties": False,
}


@handler("platform.sleep", schema=SCHEMA, fills_templates=True)
def sleep(data: Data, context: Context) -> dict[str, float]:
    """Sleep for `seconds`."""
    time.sleep(data["seconds"])
    return {"sleptSeconds": data["seconds"]}
