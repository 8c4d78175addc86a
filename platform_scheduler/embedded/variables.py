"""What a variable of the environment says: its own value, or what stands in the file that NAME_FILE names."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .errors import CannotStart

FROM_FILE = "_FILE"


def value_of(name: str, *, env: Mapping[str, str] = os.environ) -> str:
    """Return the value, "" where there is none; a file comes first, as it does for the services. Raises CannotStart."""
    file = env.get(f"{name}{FROM_FILE}")
    if not file:
        return env.get(name, "")
    try:
        return Path(file).read_text().strip()
    except (OSError, ValueError):
        raise CannotStart(f"{name}{FROM_FILE} names no file that can be read as text.") from None


@dataclass(frozen=True)
class Variable:
    """The default of an option, read when the options are checked: only then is a refusal one line."""

    name: str
    env: Mapping[str, str] = field(repr=False)

    def __str__(self) -> str:
        return value_of(self.name, env=self.env)
