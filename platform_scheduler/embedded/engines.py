"""The embedded servers of one `up`, each with what starting it takes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .account import engine_account
from .binaries import postgres_binaries, valkey_binary
from .data_dir import explained
from .placement import place_postgres, prepare_data
from .ports import LOOPBACK
from .postgres import Cluster
from .programs import Program
from .state import State
from .valkey import Store


@dataclass(frozen=True, kw_only=True)
class Engine:
    """One server: its program, its URL, and how to see that it is this one that answers."""

    title: str
    url: str
    port: int
    program: Program
    # Is it ready, being the process with this id? An orphan on the same port would answer as well.
    is_ready: Callable[[int], bool]
    finish: Callable[[], None]


def postgres_place(data_dir: Path, state: State) -> Path:
    """Answer where this DATA_DIR's database is or will be."""
    return place_postgres(data_dir, state, engine_account())


def postgres_engine(data_dir: Path, state: State, *, data: Path, port: int) -> Engine:
    """Make the data directory if need be, and describe the server."""
    account = engine_account()
    cluster = Cluster(
        binaries=postgres_binaries(account),
        data=data,
        port=port,
        password=state.postgres_password,
        account=account,
    )
    prepare_data(data_dir, state, cluster)
    return Engine(
        title=f"PostgreSQL {cluster.binaries.major}",
        url=cluster.url,
        port=port,
        program=cluster.program(),
        is_ready=lambda pid: cluster.pid() == pid and cluster.answers(),
        finish=cluster.ensure_database,
    )


def valkey_engine(state: State, *, data: Path, port: int) -> Engine:
    """Write the configuration, and describe the server."""
    store = Store(binary=valkey_binary(), data=data, port=port, password=state.valkey_password)
    with explained(data):
        store.write_config()
    return Engine(
        title="Valkey" if "valkey" in store.binary.name else "Redis",
        url=store.url,
        port=port,
        program=store.program(),
        is_ready=lambda pid: store.pid() == pid,
        finish=lambda: None,
    )


def where(engine: Engine) -> str:
    return f"{LOOPBACK}:{engine.port}"
