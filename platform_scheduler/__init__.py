"""The composition root: settings profiles, URLs, the Celery app, the HTTP error shape, the embedded servers."""

import zoneinfo

from platform_scheduler.celery import app as celery_app

__all__ = ["celery_app"]

# All nodes read the zones of the pinned tzdata package, whatever their machines carry: two schedulers that disagree
# about a clock change would record two slots for one.
zoneinfo.reset_tzpath(to=())
