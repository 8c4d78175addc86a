"""Exit with 0 where this container's process is ready: a web profile on port 8000, the others on HEALTH_PORT.

The standard library alone: it runs every few seconds, and must not load Django for it.
"""

import os
import sys
import urllib.request

WEB_PORT = "8000"
SECONDS = 4


def main() -> int:
    """Ask, and return the exit status."""
    port = os.environ.get("HEALTH_PORT") or os.environ.get("PORT") or WEB_PORT
    try:
        # By this name, whatever ALLOWED_HOSTS says of others.
        request = urllib.request.Request(f"http://127.0.0.1:{port}/health/ready", headers={"Host": "localhost"})
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - our own address
            return 0 if answer.status == 200 else 1
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
