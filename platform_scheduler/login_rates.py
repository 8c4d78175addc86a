"""How often somebody may fail to log in: by account and address, and by address, counted by all processes together.

Not by account alone: whoever knows an operator's name could lock him out. Where Redis does not answer, each process
counts for itself: guessing must not become free because a server is down.
"""

import logging
import math
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv6Network
from typing import Any, Final

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from platform_scheduler import counting
from platform_scheduler.acting import address_of
from scheduler import clock

logger = logging.getLogger(__name__)

# Failures within a quarter of an hour.
OF_ACCOUNT: Final = RateLimitItemPerMinute(5, 15)
OF_ADDRESS: Final = RateLimitItemPerMinute(30, 15)
REFUSED: Final = "throttled"

Key = tuple[RateLimitItem, str]


class LoginForm(AdminAuthenticationForm):
    """The login of the dashboard; beyond the rates it asks no password any more, right or wrong."""

    def clean(self) -> dict[str, Any]:
        """Check the password, unless too many were wrong. Raises ValidationError, coded REFUSED beyond the rates."""
        assert self.request is not None  # noqa: S101 - the site's login hands it on
        keys = keys_of(self.request, str(self.cleaned_data.get("username", "")))
        wait = admit(keys)
        if wait:
            logger.warning("A login from %s is refused: too many have failed.", address_of(self.request))
            minutes = math.ceil(wait / 60)
            message = f"Too many logins have failed. Try again in {minutes} minute{'s' if minutes > 1 else ''}."
            raise ValidationError(message, code=REFUSED, params={"wait": wait})
        has_failed = False
        try:
            return super().clean()
        except ValidationError:
            has_failed = True
            raise
        finally:
            if not has_failed:
                _take_back(keys)

    @property
    def retry_after(self) -> int | None:
        """The seconds after which a login may be tried again; None where this one was not refused for its rate."""
        errors = self.errors.as_data().get("__all__", [])
        waits = [error.params["wait"] for error in errors if error.code == REFUSED and error.params]
        return int(waits[0]) if waits else None


def keys_of(request: HttpRequest, account: str) -> list[Key]:
    """Return what an attempt counts on; of IPv6 the network, for each customer has one, with addresses without end."""
    address = address_of(request) or "nowhere"
    place = str(IPv6Network(f"{address}/64", strict=False)) if ":" in address else address
    return [(OF_ACCOUNT, f"{account.casefold()[:150]}@{place}"), (OF_ADDRESS, place)]


def admit(keys: Sequence[Key]) -> int:
    """Count an attempt as one that fails, before it is known: those who try all at once are not more than the rates.

    Returns 0, or the seconds to wait where that is too many; then nothing was counted.
    """
    for number, (rate, key) in enumerate(keys):
        if not _count(rate, key):
            _take_back(keys[:number])
            return _seconds_left(rate, key)
    return 0


def _take_back(keys: Sequence[Key]) -> None:
    for rate, key in keys:
        _count(rate, key, cost=-1)


def _seconds_left(rate: RateLimitItem, key: str) -> int:
    for counter in _counters():
        try:
            resets_at = counter.get_window_stats(rate, key).reset_time
        except StorageError:
            continue
        return max(1, math.ceil(resets_at - clock.of_machine().timestamp()))
    return rate.get_expiry()


def _count(rate: RateLimitItem, key: str, *, cost: int = 1) -> bool:
    """Count, and tell whether it was within the rate; beyond it nothing is counted."""
    for counter in _counters():
        try:
            return counter.hit(rate, key, cost=cost)
        except StorageError as error:
            logger.warning("Failed logins are counted by each process for itself: Redis does not answer: %s", error)
    return True


@lru_cache(maxsize=1)
def _counters() -> tuple[SlidingWindowCounterRateLimiter, SlidingWindowCounterRateLimiter]:
    """Return what counts, and what counts in its stead."""
    return counting.limiter(counting.shared_storage("logins")), counting.limiter(MemoryStorage())
