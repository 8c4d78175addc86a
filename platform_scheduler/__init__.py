"""The composition root: settings profiles, URLs, the Celery app, the HTTP error shape, the embedded servers."""

import zoneinfo

from platform_scheduler.celery import app as celery_app

__all__ = ["__version__", "celery_app"]

# The one place: pyproject.toml, settings.VERSION and all that shows a version read it here.
__version__ = "1.0.0"

# All nodes read the zones of the pinned tzdata package, whatever their machines carry: two schedulers that disagree
# about a clock change would record two slots for one.
zoneinfo.reset_tzpath(to=())
