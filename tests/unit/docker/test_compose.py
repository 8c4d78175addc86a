"""docker/compose.yaml: it keeps to the specification, and starts what the rest of the project starts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from compose_spec import PyCompose

from platform_scheduler.embedded import services as programs
from platform_scheduler.embedded.programs import Program
from tests.unit.docker.composed import DOCKER, LACKED, compose, platform_services, services

WEB = ("register-1", "register-2", "query-1", "query-2", "console")
SCHEDULERS = ("scheduler-1", "scheduler-2")
STORES = ("postgres", "redis")
OTHERS = ("prometheus", "alertmanager", "grafana")
PROGRAMS: dict[str, Program] = {
    **{name: programs.web(host="0.0.0.0", port=8000) for name in WEB},  # noqa: S104 - inside a container
    **{name: programs.scheduler(name, health_port=9100) for name in SCHEDULERS},
    "worker": programs.worker("worker", health_port=9100, children=4),
}

BOOT = f"""
import sys
for name in {LACKED}:
    sys.modules[name] = None  # an import of it raises ImportError
import django
django.setup()
from django.conf import settings
from django.core.management import call_command, get_commands, load_command_class
call_command("check")
for name, app in get_commands().items():
    if name not in ("up", "drill", "bench"):
        load_command_class(app, name)
if not settings.SETTINGS_MODULE.endswith(("scheduler", "worker")):
    import platform_scheduler.wsgi
"""


def test_it_keeps_to_the_specification() -> None:
    PyCompose.from_json(json.dumps(compose())).validate()


def test_a_misspelt_word_does_not() -> None:
    broken = compose()
    broken["services"]["console"]["helthcheck"] = {"interval": "1s"}
    with pytest.raises(ValueError, match="helthcheck"):
        PyCompose.from_json(json.dumps(broken))


def test_it_has_two_of_each_that_may_not_be_missed() -> None:
    assert set(services()) == {"gateway", *WEB, *SCHEDULERS, "worker", "migrate", *STORES, *OTHERS}
    assert services()["worker"]["deploy"]["replicas"] == 2


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_starts_what_up_starts(name: str) -> None:
    _, module, *arguments = PROGRAMS[name].argv[1:]
    # Compose names a container by itself; `up` has several workers on one host.
    expected = [module, *(word for word in arguments if word not in ("-n", "worker@%h"))]
    assert services()[name]["command"].split() == expected


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_service_is_of_its_profile(name: str) -> None:
    profile = name.partition("-")[0]
    assert services()[name]["environment"]["DJANGO_SETTINGS_MODULE"] == f"platform_scheduler.settings.{profile}"


@pytest.mark.parametrize("name", ["register-1", "query-1", "console", "scheduler-1", "worker", "migrate"])
def test_a_service_boots_in_the_image_with_what_it_is_told(name: str, tmp_path: Path) -> None:
    _make_secrets(tmp_path)
    told = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "platform_scheduler.settings.all"}
    told |= {
        key: str(value).replace("/run/secrets", str(tmp_path)) for key, value in services()[name]["environment"].items()
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", BOOT], cwd=DOCKER.parent, env=told, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", ["register", "query", "scheduler"])
def test_two_of_a_kind_are_told_the_same(kind: str) -> None:
    assert services()[f"{kind}-1"]["environment"] == services()[f"{kind}-2"]["environment"]


@pytest.mark.parametrize("name", services())
def test_no_service_holds_a_secret_in_its_file(name: str) -> None:
    told = {key: value for key, value in services()[name].get("environment", {}).items() if "PASSWORD" in key}
    assert all(key.endswith("FILE") and value.startswith("/run/secrets/") for key, value in told.items())
    assert "requirepass" not in str(services()[name].get("command"))


@pytest.mark.parametrize("name", services())
def test_each_service_is_limited_and_confined(name: str) -> None:
    service = services()[name]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert service["read_only"] is True
    assert service["security_opt"] == ["no-new-privileges:true"]
    # PostgreSQL's image changes to its own user by itself, and needs the right to.
    assert service.get("cap_drop") == ["ALL"] or name == "postgres"


@pytest.mark.parametrize("name", platform_services())
def test_only_what_must_reaches_outside(name: str) -> None:
    assert ("outside" in services()[name]["networks"]) == (name in {"worker", *SCHEDULERS})


def test_only_gateway_and_grafana_are_reached_from_outside_and_from_this_machine_alone() -> None:
    ports = {name: service["ports"] for name, service in services().items() if "ports" in service}
    assert ports == {"gateway": ["127.0.0.1:8000:8080"], "grafana": ["127.0.0.1:3000:3000"]}


def test_the_gateway_finds_each_process_and_is_believed_by_it() -> None:
    addresses = {name: _address(name) for name in ("gateway", *WEB)}
    told = services()["gateway"]["environment"]

    assert len(set(addresses.values())) == len(addresses)
    assert {told[f"{kind}_{number}"] for kind in ("REGISTER", "QUERY", "CONSOLE") for number in (1, 2)} == {
        f"{addresses[name]}:8000" for name in WEB
    }
    assert {services()[name]["environment"]["TRUSTED_PROXIES"] for name in WEB} == {addresses["gateway"]}


def test_nothing_of_a_version_starts_before_its_migrations_have_ended() -> None:
    waits = {name: service["depends_on"] for name, service in platform_services().items() if name != "migrate"}
    assert {each["migrate"]["condition"] for each in waits.values()} == {"service_completed_successfully"}


def test_the_script_makes_each_secret_that_is_mounted_and_keeps_it(tmp_path: Path) -> None:
    _make_secrets(tmp_path)
    made = {file.name: file.read_text() for file in tmp_path.iterdir()}
    _make_secrets(tmp_path)

    assert set(made) == {f"{secret['file'].partition('/')[2]}" for secret in compose()["secrets"].values()}
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == made
    assert len(set(made.values())) == len(made)
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    assert made["postgres-password"].strip() in made["database-url"]
    assert f"requirepass {made['redis-password']}" in made["redis-conf"]


def test_the_script_asks_who_is_told_of_alerts(tmp_path: Path) -> None:
    done = subprocess.run([str(DOCKER / "make-secrets")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.partition(":")[0]) == (2, "usage")


def _address(name: str) -> str:
    return str(services()[name]["networks"]["inside"]["ipv4_address"])


def _make_secrets(folder: Path) -> None:
    command = [str(DOCKER / "make-secrets"), "https://chat.example/hooks/operators"]
    subprocess.run(command, env=os.environ | {"SECRETS_FOLDER": str(folder)}, capture_output=True, check=True)
