"""What becomes of `up` when the `make` that started it is killed."""

import ctypes
import os
import signal
import sys
from collections.abc import Mapping

from .shim import die_with_parent


def end_with_make(*, env: Mapping[str, str] = os.environ) -> None:
    """Stop everything when make is gone: the next `make up` would find DATA_DIR held by nobody one can see.

    Only under make: a parent shell may well end before what it has put in the background.
    """
    if "MAKELEVEL" in env and sys.platform == "linux":
        die_with_parent(signal.SIGTERM, ctypes.CDLL(None))
