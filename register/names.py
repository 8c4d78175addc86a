"""Names that are part of addresses, of queue names and of what tokens see."""

import re

KEY_MAX_LENGTH = 100

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def is_key(text: str) -> bool:
    """Tell whether `text` is made of plain characters only; how long it is stands with each field."""
    return _KEY.fullmatch(text) is not None
