"""How many requests a token may send: TOKEN_RATE_LIMIT, counted in Redis by all web processes together.

Where Redis is not the broker, or does not answer, each process counts for itself, or not at all: what protects the
platform may not be what stops it.
"""

import logging
import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from limits import RateLimitItem
from limits.errors import StorageError
from limits.strategies import SlidingWindowCounterRateLimiter
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from platform_scheduler import counting
from scheduler import clock
from scheduler.models import ApiToken

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which imports this module, by its setting

logger = logging.getLogger(__name__)

# After a failure Redis is left alone for so long, or every request would wait for it.
LEFT_ALONE_SECONDS = 5.0


class _Redis:
    """When Redis is asked again."""

    asked_again_at = -math.inf


class TokenRate(BaseThrottle):
    """Refuses with 429 what a token sends beyond its rates; a stop of flow control always gets through."""

    def __init__(self) -> None:
        self._exceeded: RateLimitItem | None = None
        self._key = ""

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Count the request; tell whether it is within all rates."""
        token: Any = request.user
        if not settings.TOKEN_RATE_LIMITS or not isinstance(token, ApiToken):
            return True
        if clock.monotonic() < _Redis.asked_again_at:
            return True
        self._key = f"token:{token.id}"
        try:
            self._exceeded = self._first_exceeded()
        except StorageError as error:
            _Redis.asked_again_at = clock.monotonic() + LEFT_ALONE_SECONDS
            logger.warning("Requests are not counted for %d s: Redis does not answer: %s", LEFT_ALONE_SECONDS, error)
        return self._exceeded is None

    def wait(self) -> float | None:
        """Return the seconds after which the token may go on."""
        if self._exceeded is None:
            return None
        try:
            resets_at = limiter().get_window_stats(self._exceeded, self._key).reset_time
        except StorageError:
            return self._exceeded.get_expiry()
        return max(1.0, math.ceil(resets_at - clock.of_machine().timestamp()))

    def _first_exceeded(self) -> RateLimitItem | None:
        return next((rate for rate in settings.TOKEN_RATE_LIMITS if not limiter().hit(rate, self._key)), None)


@lru_cache(maxsize=1)
def limiter() -> SlidingWindowCounterRateLimiter:
    """Return what counts the requests of tokens."""
    return counting.limiter(counting.shared_storage("requests"))
