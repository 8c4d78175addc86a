"""The settings of this process: what boots, and is unsafe or unwise all the same."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings

from platform_scheduler.doctor.finding import Finding, error, ok, warning
from platform_scheduler.settings.brokers import CRITICAL_STEPS, transport_options

_HERE: Final = frozenset({"localhost", "127.0.0.1", "::1", "[::1]", ""})


def check() -> Iterator[Finding]:
    """Look at hosts, TLS, passwords, what tasks may do, and what the broker's driver is told."""
    yield _hosts()
    yield _tls()
    yield _database_password()
    yield _broker_password()
    yield _shell()
    yield _broker_options()


def _hosts() -> Finding:
    if "*" in settings.ALLOWED_HOSTS:
        return warning(
            "configuration.hosts", "ALLOWED_HOSTS takes every name.", "List the names by which clients come here."
        )
    return ok("configuration.hosts", f"ALLOWED_HOSTS: {', '.join(settings.ALLOWED_HOSTS)}.")


def _tls() -> Finding:
    outside = [host for host in settings.ALLOWED_HOSTS if host not in _HERE]
    if outside and not settings.BEHIND_TLS:
        return warning(
            "configuration.tls",
            f"Clients come by {outside[0]}, and BEHIND_TLS is off: cookies and tokens travel in the clear.",
            "End TLS at the gateway and set BEHIND_TLS=1.",
        )
    return ok("configuration.tls", "BEHIND_TLS is on." if settings.BEHIND_TLS else "Only this machine may come.")


def _database_password() -> Finding:
    values = settings.DATABASES["default"]
    host = str(values["HOST"])
    # A socket, a certificate and the loopback have other ways to tell who comes.
    has_proof = values["PASSWORD"] or any(name in values["OPTIONS"] for name in ("sslcert", "passfile", "service"))
    if not (has_proof or _is_here(host)):
        return warning(
            "configuration.database_password",
            f"DATABASE_URL names no password for {host}.",
            "Give the platform's user one, in DATABASE_URL or a file named by DATABASE_URL_FILE.",
        )
    return ok("configuration.database_password", "The database knows who comes.")


def _broker_password() -> Finding:
    parts = urlsplit(settings.CELERY_BROKER_URL.partition(";")[0])
    if not parts.password and not _is_here(parts.hostname or ""):
        return error(
            "configuration.broker_password",
            f"The broker's URL names no password for {parts.hostname}: whoever reaches it can start executions.",
            "Set one on the server, and in REDIS_URL or BROKER_URL (or the file in REDIS_URL_FILE).",
        )
    return ok("configuration.broker_password", "The broker knows who comes.")


def _shell() -> Finding:
    if settings.SHELL_HANDLER:
        return warning(
            "configuration.shell",
            "SHELL_HANDLER is on: whoever may define a task runs commands as the worker's user.",
            "Leave it off where editors are not trusted with the worker's machine.",
        )
    return ok("configuration.shell", "Tasks run no commands (SHELL_HANDLER is off).")


def _broker_options() -> Finding:
    given = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    # Whom sentinels watch, and their password, are the deployment's own affair.
    sentinels = {"master": given.get("master_name", ""), "sentinel_password": _sentinel_password(given)}
    wanted = transport_options(settings.CELERY_BROKER_URL, **sentinels)
    if settings.WORKER_CRITICAL_ONLY and given.get("priority_steps") == CRITICAL_STEPS:
        wanted["priority_steps"] = CRITICAL_STEPS
    wrong = sorted(name for name, value in wanted.items() if given.get(name) != value)
    if wrong:
        return error(
            "configuration.broker_options",
            f"The broker's options differ from those that were tried: {', '.join(wrong)}.",
            "Take them from platform_scheduler.settings.brokers: without them a worker can fall deaf, or miss lists.",
        )
    return ok("configuration.broker_options", "The broker's options are those that were tried.")


def _sentinel_password(given: Mapping[str, Any]) -> str:
    password: str = given.get("sentinel_kwargs", {}).get("password", "")
    return password


def _is_here(host: str) -> bool:
    if host in _HERE or host.startswith("/"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
