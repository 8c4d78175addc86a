"""What one DATA_DIR remembers from start to start: ports, passwords, where its data is."""

import json
import secrets
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Self

from .errors import CannotStart
from .private_files import write_private

FILE = "state.json"
SECRET_KEY_BYTES = 48
PASSWORD_BYTES = 24


@dataclass(kw_only=True)
class State:
    """The remembered values; made anew for a DATA_DIR that is new."""

    postgres_password: str = field(default_factory=lambda: secrets.token_hex(PASSWORD_BYTES))
    valkey_password: str = field(default_factory=lambda: secrets.token_hex(PASSWORD_BYTES))
    secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(SECRET_KEY_BYTES))
    # Where PostgreSQL's data is, seen from DATA_DIR, and whether it has ever been there.
    postgres_data: str | None = None
    has_database: bool = False
    ports: dict[str, int] = field(default_factory=dict)

    @classmethod
    def load(cls, data_dir: Path) -> Self:
        """Read the state, or make a new one; what cannot be read is refused, for the passwords are in it."""
        path = data_dir / FILE
        try:
            values = json.loads(path.read_text())
            return cls(**{name: values[name] for name in _names(cls)})
        except FileNotFoundError:
            return cls()
        except (ValueError, KeyError, TypeError):
            raise CannotStart(
                f"{path} is damaged, and the servers' passwords were in it: put back a backup of {data_dir}, "
                "or choose another DATA_DIR (that starts with an empty database)."
            ) from None

    def save(self, data_dir: Path) -> None:
        """Write the state for the next start."""
        write_private(data_dir / FILE, json.dumps(asdict(self), indent=1) + "\n")


def _names(cls: type[State]) -> list[str]:
    return [each.name for each in fields(cls)]
