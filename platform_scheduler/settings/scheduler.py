"""Beat, the claim and their health endpoint; no URLs."""

from platform_scheduler.settings.headless import *
