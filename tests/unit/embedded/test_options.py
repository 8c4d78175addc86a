"""The options of `up`, from a command line and from the environment."""

import argparse
from pathlib import Path

import pytest

from platform_scheduler.embedded.errors import CannotStart
from platform_scheduler.embedded.options import Options, add_arguments

ANY = ".".join("0000")


def parsed(*arguments: str, env: dict[str, str] | None = None) -> Options:
    parser = argparse.ArgumentParser()
    add_arguments(parser, env=env or {})
    return Options.of(vars(parser.parse_args(arguments)))


def test_it_has_the_documented_defaults():
    options = parsed()
    assert (options.host, options.port, options.workers) == ("127.0.0.1", 8000, 4)
    assert options.data_dir.name == ".local"
    assert options.examples
    assert options.database_url is None
    assert options.redis_url is None


def test_it_reads_the_environment():
    env = {"PORT": "9000", "DATA_DIR": "/srv/x", "WORKERS": "2", "EXAMPLES": "0", "REDIS_URL": "redis://r/0"}
    options = parsed(env=env)
    assert (options.port, options.data_dir, options.workers) == (9000, Path("/srv/x"), 2)
    assert not options.examples
    assert options.redis_url == "redis://r/0"


def test_it_reads_which_broker_is_another_than_redis():
    options = parsed(env={"BROKER_URL": "amqp://rabbit"})
    assert (options.broker_url, options.is_broker_given, parsed().is_broker_given) == ("amqp://rabbit", True, False)


def test_it_prefers_the_command_line():
    assert parsed("--port", "9001", env={"PORT": "9000"}).port == 9001


def test_it_takes_an_empty_variable_for_an_unset_one():
    options = parsed(env={"PORT": "", "DATABASE_URL": ""})
    assert options.port == 8000
    assert options.database_url is None


@pytest.mark.parametrize("given", ["abc", "0", "65536", "-1", "80 80", "²"])
def test_it_names_a_port_that_is_none(given):
    with pytest.raises(CannotStart, match=r"PORT=.* between 1 and 65535"):
        parsed(env={"PORT": given})


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        (ANY, "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("scheduler.example", "http://scheduler.example:8000"),
    ],
)
def test_it_prints_a_url_that_this_machine_can_open(host, url):
    assert parsed("--host", host).url == url


def test_it_may_start_servers_and_nobody_who_works():
    options = parsed("--schedulers", "0", "--worker-processes", "0")
    assert (options.schedulers, options.worker_processes) == (0, 0)
    assert not options.examples


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL", "BROKER_URL"])
def test_it_reads_a_url_from_a_file(tmp_path, name):
    file = tmp_path / "url"
    file.write_text("scheme://of/file\n")
    options = parsed(env={name: "scheme://of/variable", f"{name}_FILE": str(file)})
    assert getattr(options, name.lower()) == "scheme://of/file"


def test_it_names_a_file_that_cannot_be_read():
    with pytest.raises(CannotStart, match="DATABASE_URL_FILE names no file that can be read"):
        parsed(env={"DATABASE_URL_FILE": "/nowhere/url"})
