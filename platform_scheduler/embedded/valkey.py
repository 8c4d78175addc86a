"""The embedded Valkey: its configuration, how it is started, and when it is ready."""

from dataclasses import dataclass
from pathlib import Path

import redis

from .ports import LOOPBACK
from .programs import Program

NAME = "valkey"


@dataclass(frozen=True, kw_only=True)
class Store:
    """One data directory of Valkey, with the server that runs on it."""

    binary: Path
    data: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        """Give the REDIS_URL of this server."""
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/0"

    @property
    def config_path(self) -> Path:
        return self.data / "valkey.conf"

    def config(self, *, throw_away: bool = False) -> str:
        """Write out the configuration; in a file, because a command line shows the password to everyone."""
        lines = [
            f"bind {LOOPBACK}",
            f"port {self.port}",
            f"requirepass {self.password}",
            f"dir {_quoted(self.data)}",
            f"appendonly {'no' if throw_away else 'yes'}",
            "appendfsync everysec",
            'save ""',
            "maxmemory-policy noeviction",
            "daemonize no",
        ]
        return "\n".join(lines) + "\n"

    def write_config(self, *, throw_away: bool = False) -> None:
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.config_path.touch(mode=0o600)
        self.config_path.write_text(self.config(throw_away=throw_away))

    def program(self) -> Program:
        """Describe the server process."""
        return Program(
            name=NAME,
            argv=(str(self.binary), str(self.config_path)),
            is_engine=True,
            stop_seconds=30,
        )

    def pid(self) -> int | None:
        """Ask which process answers on the port; None while nobody does."""
        try:
            with redis.Redis.from_url(self.url, socket_timeout=3, socket_connect_timeout=3) as client:
                return int(client.info("server")["process_id"])
        except redis.RedisError:
            return None


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
