"""Counts what may happen so often: in Redis, by all web processes together, or else in this process alone."""

# By name alone limits would import it at the first request, of which there may be many at once: all but one then find
# half of a module, and are answered with 500.
import redis  # noqa: F401
from django.conf import settings
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import SlidingWindowCounterRateLimiter

ANSWER_SECONDS = 0.25


def limiter(storage: Storage) -> SlidingWindowCounterRateLimiter:
    """Return what counts: by two windows and the share of the older one, so that no edge lets twice as many through."""
    return SlidingWindowCounterRateLimiter(storage)


def shared_storage(name: str) -> Storage:
    """Return where all processes count under `name`; where Redis is not the broker, this process by itself."""
    url: str = settings.CELERY_BROKER_URL
    if not url.startswith(("redis://", "rediss://")):
        return MemoryStorage()
    prefix = settings.CELERY_BROKER_TRANSPORT_OPTIONS.get("global_keyprefix", "")
    return RedisStorage(
        url, key_prefix=f"{prefix}{name}", wrap_exceptions=True, socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
    )  # fmt: skip
