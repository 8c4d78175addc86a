#!/usr/bin/env python
"""Run the project's commands."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    if sys.argv[1:] in (["version"], ["--version"]):
        # Django would answer with its own.
        from platform_scheduler import __version__

        sys.stdout.write(f"{__version__}\n")
        sys.exit()
    settings = {"up": "up", "drill": "up", "bench": "bench"}
    if sys.argv[1:2] and sys.argv[1] in settings:
        # They make what every other profile insists on: servers, passwords, a key.
        os.environ["DJANGO_SETTINGS_MODULE"] = f"platform_scheduler.settings.{settings[sys.argv[1]]}"
    if sys.argv[1:2] == ["register_tasks"] and "--dry-run" in sys.argv:
        if any(argument.split("=")[0] == "--catalogue" for argument in sys.argv):
            os.environ["DJANGO_SETTINGS_MODULE"] = "platform_scheduler.settings.offline"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "platform_scheduler.settings.all")
    execute_from_command_line(sys.argv)
