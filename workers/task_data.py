"""From an execution's stored task data to what its handler is given."""

import json
from collections.abc import Callable, Collection

from scheduler.records import Started
from workers import templating
from workers.event_values import FindEvent
from workers.masking import NOTHING_HIDDEN, Mask
from workers.registry import Data, Handler
from workers.secrets import Reading


def prepare(
    started: Started, handler: Handler, *, find_secret_names: Callable[[], Collection[str]], find_event: FindEvent
) -> tuple[Data, Mask]:
    """Return the task data with templates and secrets filled in, and the mask that hides those secrets.

    Templates first: what a secret holds is never read as one. Raises UnknownTemplate, SecretRefused, SecretMissing.
    """
    data = json.loads(started.task_data or "{}")
    if handler.fills_templates:
        known = templating.Values(
            execution_id=started.id,
            scheduled_for=started.scheduled_for,
            time_zone=started.time_zone,
            find_event=find_event,
            closed_to_events=handler.closed_to_events,
        )
        data = templating.fill(data, known)
    reading = Reading(started.namespace, find_secret_names)
    filled = reading.fill(data)
    return filled, Mask(reading.values) if reading.values else NOTHING_HIDDEN
