"""Whether the platform is under so much load that writes are refused: asked of the database once a second."""

import logging
import math
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError

from scheduler import clock
from scheduler.engine.protection import Level
from scheduler.models import Protection

logger = logging.getLogger(__name__)

ASKED_EVERY_SECONDS = 1.0
# Where no scheduler decides any more, what was decided last says nothing.
TRUSTED_FOR = timedelta(seconds=30)


class Strain:
    """What was told last; two threads that ask at once are told the same."""

    def __init__(self) -> None:
        self._asked_at = -math.inf
        self._is_heavy = False

    @property
    def is_heavy(self) -> bool:
        """Tell whether only what is critical goes; a database that does not answer says nothing of it."""
        if not settings.PROTECTION:
            return False
        if clock.monotonic() - self._asked_at >= ASKED_EVERY_SECONDS:
            self._asked_at = clock.monotonic()
            self._is_heavy = _is_critical()
        return self._is_heavy


def _is_critical() -> bool:
    try:
        decided_at = Protection.objects.filter(level=Level.CRITICAL).values_list("decided_at", flat=True).first()
        return decided_at is not None and clock.now() - decided_at < TRUSTED_FOR
    except DatabaseError as error:
        logger.warning("It is not known whether the platform is under load: %s", error)
        return False
