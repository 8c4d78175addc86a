"""The configuration that supervisor reads."""

import configparser

import pytest

from platform_scheduler.embedded.programs import Program
from platform_scheduler.embedded.supervision import config

ENGINE = Program(name="postgres", argv=("/bin/postgres",), is_engine=True, stop_seconds=60)
SERVICE = Program(name="web", argv=("/bin/web",))
OTHER = Program(name="worker", argv=("/bin/worker",))


def read(*programs: Program, as_root: bool = False) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(config(programs, as_root=as_root))
    return parser


def test_it_starts_engines_by_itself_and_services_when_told():
    parser = read(ENGINE, SERVICE)
    assert parser["program:postgres"]["autostart"] == "true"
    assert parser["program:web"]["autostart"] == "false"


def test_it_restarts_whatever_ends():
    assert read(SERVICE)["program:web"]["autorestart"] == "true"


def test_it_stops_services_before_engines():
    parser = read(ENGINE, SERVICE, OTHER)
    assert parser["group:services"]["programs"] == "web,worker"
    assert int(parser["group:services"]["priority"]) > int(parser["group:engines"]["priority"])


def test_it_has_no_group_of_nothing():
    assert "group:engines" not in read(SERVICE)


def test_it_stops_each_program_as_the_program_wants():
    section = read(ENGINE)["program:postgres"]
    assert (section["stopsignal"], section["stopwaitsecs"]) == ("TERM", "60")


@pytest.mark.parametrize(("as_root", "user"), [(True, "root"), (False, None)])
def test_it_names_the_user_for_root_alone(as_root, user):
    assert read(SERVICE, as_root=as_root)["supervisord"].get("user") == user


def test_it_starts_every_program_through_the_shim():
    command = read(SERVICE)["program:web"]["command"]
    assert '"%(ENV_UP_SHIM)s" programs.json web supervisord.pid' in command


def test_it_gives_up_what_fails_as_soon_as_it_starts():
    # Above two of supervisor's looks a second; a service needs its imports before it can fail.
    assert int(read(ENGINE)["program:postgres"]["startsecs"]) >= 3
    assert int(read(SERVICE)["program:web"]["startsecs"]) >= 5
