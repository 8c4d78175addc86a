"""What one `up` will run, decided before anything is started."""

import os
import shlex
import socket
from pathlib import Path

import psutil

from . import services
from .data_dir import explained
from .engines import Engine, postgres_engine, postgres_place, valkey_engine
from .errors import CannotStart
from .external import require_broker, require_postgres, require_redis
from .layout import Layout
from .logs import Log
from .options import ANY_ADDRESS, Options
from .orphans import Sought
from .placement import left_behind
from .ports import free_port, is_free
from .private_files import write_private
from .programs import MARKER, Program
from .state import FILE, State
from .variables import FROM_FILE, value_of

# What decides which handlers there are and what they may do, how the broker is reached, what is kept for how long and
# where: a command in another shell has to find the same. Not TASK_SECRET_…: a task's secrets are written nowhere.
HANDED_ON = (
    "HANDLER_MODULES", "PYTHONPATH", "SHELL_HANDLER", "CELERY_TARGETS", "CLEANUP_ROOTS", "SECRETS_DIR", "SECRET_NAMES",
    "HTTP_CA_FILE", "REDIS_SENTINEL_MASTER", "REDIS_SENTINEL_PASSWORD", "BACKUP_DIR", "HISTORY_KEPT_DAYS",
    "HISTORY_MAX_GB",
)  # fmt: skip


class Plan:
    """The programs of one `up`, their environment, their logs."""

    def __init__(self, options: Options) -> None:
        """Look at what is there; start and change nothing; raise CannotStart."""
        self.options = options
        self.layout = Layout(options.data_dir)
        self.notices: list[str] = []
        self.state = _state(options.data_dir)
        self.engines: list[Engine] = []
        self.services: list[Program] = []
        self.external = _external(options)
        if not (options.database_url or self.state.postgres_data):
            self.notices += _notices(options.data_dir)
        self._postgres_data = (
            options.data_dir / "postgres" if options.database_url else postgres_place(options.data_dir, self.state)
        )

    @property
    def sought(self) -> Sought:
        """Say how processes of an earlier start are known."""
        return Sought(
            data_dir=self.options.data_dir,
            postgres_data=self._postgres_data.resolve(),
            valkey_data=self.layout.valkey,
        )

    def prepare(self) -> None:
        """Choose ports, make folders and data directories; what an earlier start left running is gone by now."""
        self.layout.make()
        if not self.options.database_url:
            port = self._port("postgres")
            data_dir = self.options.data_dir
            self.engines.append(postgres_engine(data_dir, self.state, data=self._postgres_data, port=port))
        if not self.options.is_broker_given:
            self.engines.append(valkey_engine(self.state, data=self.layout.valkey, port=self._port("valkey")))
        self.services = self._services()
        with explained(self.options.data_dir):
            self.state.save(self.options.data_dir)
        self._logs = {program.name: Log(self.layout.logs / f"{program.name}.log") for program in self.programs}

    @property
    def programs(self) -> list[Program]:
        """Give what supervisor keeps alive."""
        return [*(engine.program for engine in self.engines), *self.services]

    @property
    def database_url(self) -> str:
        return self.options.database_url or self._url("postgres")

    @property
    def broker(self) -> dict[str, str]:
        """Give the variable that leads to the broker; the other one is empty, whatever a shell has set."""
        if self.options.broker_url:
            return {"BROKER_URL": self.options.broker_url, "REDIS_URL": self.options.redis_url or ""}
        return {"BROKER_URL": "", "REDIS_URL": self.options.redis_url or self._url("valkey")}

    def log(self, name: str) -> Log:
        """Give the program's log, as far as it is of this start."""
        return self._logs.get(name) or Log(self.layout.logs / f"{name}.log")

    def environment(self) -> dict[str, str]:
        """Give what every program of ours finds in its environment."""
        ours = self._settings()
        # A file comes before the variable that it names.
        files = {f"{name}{FROM_FILE}" for name in ours}
        inherited = {
            name: value for name, value in os.environ.items() if name not in files and not self._is_misleading(name)
        }
        return inherited | ours | {MARKER: str(self.options.data_dir)}

    def write_environment(self) -> None:
        """Leave the settings where a shell can read them, for `manage.py` commands beside a running `up`."""
        handed_on = {name: value for name, value in os.environ.items() if _is_handed_on(name)}
        told = handed_on | self._settings()
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in sorted(told.items())]
        write_private(self.layout.environment_file, "".join(lines))

    def _settings(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.database_url,
            **self.broker,
            "SECRET_KEY": value_of("SECRET_KEY") or self.state.secret_key,
            "DATA_DIR": str(self.options.data_dir),
            "ALLOWED_HOSTS": ",".join(_allowed_hosts(self.options.host)),
            "HTTP_ALLOWED_ADDRESSES": ",".join(_allowed_addresses(self.options)),
        }

    def _is_misleading(self, name: str) -> bool:
        """Say whether a variable is about another PostgreSQL than the embedded one, or about make."""
        return (name.startswith("PG") and not self.options.database_url) or name.startswith("MAKE")

    def _services(self) -> list[Program]:
        options = self.options
        schedulers = [
            services.scheduler(name, health_port=self._port(name))
            for name in services.names("scheduler", options.schedulers)
        ]
        workers = [
            services.worker(name, health_port=self._port(name), children=options.workers)
            for name in services.names("worker", options.worker_processes)
        ]
        return [services.web(host=options.host, port=options.port), *schedulers, *workers]

    def _port(self, name: str) -> int:
        """Take the remembered port while it is free: what was printed yesterday should hold today."""
        remembered = self.state.ports.get(name)
        taken = frozenset({self.options.port, *self.state.ports.values()})
        if remembered is None or remembered == self.options.port or not is_free(remembered):
            self.state.ports[name] = free_port(avoid=taken)
        return self.state.ports[name]

    def _url(self, name: str) -> str:
        return next(engine.url for engine in self.engines if engine.program.name == name)


def _is_handed_on(name: str) -> bool:
    return name in HANDED_ON or name.removesuffix(FROM_FILE) in HANDED_ON


def _state(data_dir: Path) -> State:
    path = data_dir / FILE
    if path.exists() and path.stat().st_uid != os.geteuid():
        raise CannotStart(f"{data_dir} belongs to {path.owner()}: start as that user, or set another DATA_DIR.")
    with explained(path):
        return State.load(data_dir)


def _external(options: Options) -> list[tuple[str, str]]:
    """Check the servers that are somebody else's; answer what to show of them."""
    shown = []
    if options.database_url:
        shown.append((f"PostgreSQL {require_postgres(options.database_url)}", "yours, by DATABASE_URL"))
    if options.broker_url:
        shown.append((require_broker(options.broker_url), "yours, by BROKER_URL"))
    elif options.redis_url:
        shown.append((f"Redis {require_redis(options.redis_url)}", "yours, by REDIS_URL"))
    return shown


def _notices(data_dir: Path) -> list[str]:
    return [
        f"{folder} is the database of an earlier {data_dir}: remove it when nobody misses it."
        for folder in left_behind(data_dir)
    ]


def _allowed_hosts(host: str) -> list[str]:
    """Name the hosts by which the web server may be called: with HOST=0.0.0.0, all of this machine's."""
    given = [name for name in value_of("ALLOWED_HOSTS").split(",") if name]
    own = [socket.gethostname(), *_addresses()] if host in ANY_ADDRESS else [_bracketed(host)]
    return list(dict.fromkeys(["127.0.0.1", "localhost", "[::1]", *own, *given]))


def _allowed_addresses(options: Options) -> list[str]:
    """Name what `platform.http` may call beside public addresses: the platform's own web server, by its port."""
    given = [name for name in value_of("HTTP_ALLOWED_ADDRESSES").split(",") if name]
    return [options.url.removeprefix("http://"), *given]


def _addresses() -> list[str]:
    families = (socket.AF_INET, socket.AF_INET6)
    every = [address for addresses in psutil.net_if_addrs().values() for address in addresses]
    return [_bracketed(each.address.split("%")[0]) for each in every if each.family in families]


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
