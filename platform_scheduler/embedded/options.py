"""What `up` is asked for, on its command line or in the environment."""

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import CannotStart
from .services import PROJECT
from .variables import Variable

# What a person may say for "every address", and where this machine then reaches itself.
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 # nosec B104
LAST_PORT = 65_535
MOST_PROCESSES = 64


@dataclass(frozen=True, kw_only=True)
class Options:
    """The values of one `up`."""

    host: str
    port: int
    data_dir: Path
    database_url: str | None
    redis_url: str | None
    broker_url: str | None
    workers: int
    schedulers: int
    worker_processes: int
    examples: bool

    @property
    def is_broker_given(self) -> bool:
        """Tell whether the broker is somebody else's, so that none need be started."""
        return bool(self.broker_url or self.redis_url)

    @property
    def reachable_host(self) -> str:
        """Give an address by which this machine reaches its own web server."""
        return ANY_ADDRESS.get(self.host, self.host)

    @property
    def url(self) -> str:
        host = self.reachable_host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @classmethod
    def of(cls, values: Mapping[str, object]) -> "Options":
        """Check what the parser found; raise CannotStart with the name to correct."""
        text = {name: "" if value is None else str(value) for name, value in values.items()}
        return cls(
            host=text["host"],
            port=_number(text, "port", most=LAST_PORT),
            data_dir=Path(text["data_dir"]).expanduser().resolve(),
            database_url=text["database_url"] or None,
            redis_url=text["redis_url"] or None,
            broker_url=text["broker_url"] or None,
            workers=_number(text, "workers", most=MOST_PROCESSES),
            schedulers=_number(text, "schedulers", least=0, most=MOST_PROCESSES),
            worker_processes=_number(text, "worker_processes", least=0, most=MOST_PROCESSES),
            # Without a worker nobody announces what they are of.
            examples=text["examples"] not in ("0", "false", "no") and text["worker_processes"] != "0",
        )


def add_arguments(parser: argparse.ArgumentParser, *, env: Mapping[str, str] = os.environ) -> None:
    """Declare the options; each but the last two is also an environment variable of the same name."""
    add = parser.add_argument
    add("--host", default=env.get("HOST") or "127.0.0.1", help="address of the web server (HOST)")
    add("--port", default=env.get("PORT") or "8000", help="its port (PORT)")
    add(
        "--data-dir", default=env.get("DATA_DIR") or str(PROJECT / ".local"), help="where everything is kept (DATA_DIR)"
    )
    add("--database-url", default=Variable("DATABASE_URL", env), help="your own PostgreSQL (DATABASE_URL)")
    add("--redis-url", default=Variable("REDIS_URL", env), help="your own Redis (REDIS_URL)")
    add("--broker-url", default=Variable("BROKER_URL", env), help="another broker than that, as RabbitMQ (BROKER_URL)")
    add("--workers", default=env.get("WORKERS") or "4", metavar="N", help="tasks a worker runs at once (WORKERS)")
    add("--examples", default=env.get("EXAMPLES") or "1", help="0 leaves out the example tasks (EXAMPLES)")
    add("--schedulers", default="1", metavar="N", help="number of scheduler processes; 0 while a backup is restored")
    add(
        "--worker-processes",
        default="1",
        metavar="N",
        help="number of workers, each with that many children; 0 likewise",
    )


def _number(text: Mapping[str, str], name: str, *, least: int = 1, most: int) -> int:
    given = text[name]
    if not given.isdecimal() or not least <= int(given) <= most:
        shown = name.replace("_", "-") if name in ("schedulers", "worker_processes") else name.upper()
        raise CannotStart(f"{shown}={given} will not do: give a number between {least} and {most}.")
    return int(given)
