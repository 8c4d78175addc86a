"""The commands of the platform's own programs."""

from pathlib import Path

import pytest
from django.conf import settings

from platform_scheduler.embedded import services


@pytest.mark.parametrize(("count", "names"), [(1, ["worker"]), (3, ["worker-1", "worker-2", "worker-3"])])
def test_it_numbers_the_programs_of_a_kind(count, names):
    assert services.names("worker", count) == names


@pytest.mark.parametrize(
    ("program", "profile"),
    [
        (services.web(host="127.0.0.1", port=8000), "all"),
        (services.scheduler("scheduler", health_port=1), "scheduler"),
        (services.worker("worker", health_port=1, children=4), "worker"),
    ],
)
def test_it_gives_each_service_its_profile(program, profile):
    assert program.env["DJANGO_SETTINGS_MODULE"] == f"platform_scheduler.settings.{profile}"


def test_it_tells_a_service_where_to_answer_for_its_health():
    assert services.scheduler("scheduler", health_port=20_005).env["HEALTH_PORT"] == "20005"


def test_it_gives_a_worker_its_children():
    argv = services.worker("worker", health_port=1, children=3).argv
    assert argv[argv.index("--concurrency") + 1] == "3"


def test_it_writes_the_examples_with_its_own_address(tmp_path):
    services.write_examples(tmp_path / "tasks.yaml", url="http://[::1]:8123")
    text = (tmp_path / "tasks.yaml").read_text()
    assert ("http://[::1]:8123/health/ready" in text, services.EXAMPLES_URL in text) == (True, False)


def test_the_web_server_has_a_thread_for_each_client_of_the_stream_beside_those_of_requests():
    argv = services.web(host="127.0.0.1", port=8000).argv
    threads = int(argv[argv.index("--blocking-threads") + 1])

    assert threads - settings.STREAM_CLIENTS == 64
    assert f"--blocking-threads {threads} " in (Path(settings.BASE_DIR) / "Makefile").read_text()
