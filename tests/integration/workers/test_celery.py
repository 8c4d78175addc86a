"""`platform.celery` with an application of somebody else's, on the tests' own Valkey."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import psutil
import pytest
import redis
from django.conf import settings as django_settings

from tests.handler_cast import EXECUTION, a_context
from workers.handlers.celery import NoResult, RemoteFailure, send

# Databases of their own: the platform's keys lie in 0.
DATABASE = 5 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of an empty database in the tests' Valkey."""
    url = urlsplit(django_settings.CELERY_BROKER_URL)._replace(path=f"/{DATABASE}").geturl()
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        yield url
        client.flushdb()


APPLICATION = """
from celery import Celery

app = Celery("billing", broker={url!r}, backend={url!r})
app.conf.update(task_default_queue="bills", broker_connection_retry_on_startup=True)


@app.task(name="billing.add", bind=True)
def add(self, first, second=0):
    return {{"sum": first + second, "id": self.request.id, "fence": self.request.get("x-fence")}}


@app.task(name="billing.fail")
def fail(why):
    raise ValueError(why)
"""


@pytest.fixture(scope="module")
def billing(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Somebody's application, with a worker of its own."""
    folder = tmp_path_factory.mktemp("billing")
    (folder / "billing.py").write_text(APPLICATION.format(url=url))
    command = [sys.executable, "-m", "celery", "-A", "billing", "worker", "--pool", "solo", "--without-mingle"]
    with (folder / "log").open("wb") as log:
        worker = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env={"PATH": os.environ["PATH"]})
    yield
    worker.terminate()
    worker.wait(20)


@pytest.fixture(autouse=True)
def targets(settings, url):
    settings.CELERY_TARGETS = {
        "billing": {"broker": url, "tasks": ["billing.*"], "queue": "bills", "resultBackend": url}
    }


def test_it_succeeds_when_the_message_is_sent(url):
    result = send({"target": "billing", "task": "billing.add", "args": [1], "queue": "nobody-listens"}, a_context())
    assert result == {"taskId": str(EXECUTION), "queue": "nobody-listens"}
    with redis.Redis.from_url(url) as client:
        assert client.llen("nobody-listens") == 1


def test_it_waits_for_the_result(billing):
    data = {"target": "billing", "task": "billing.add", "args": [1], "kwargs": {"second": 2}, "waitSeconds": 30}
    assert send(data, a_context())["result"] == {"sum": 3, "id": str(EXECUTION), "fence": "42"}


def test_it_fails_as_the_task_does(billing):
    data = {"target": "billing", "task": "billing.fail", "args": ["no money"], "waitSeconds": 30}
    with pytest.raises(RemoteFailure, match=r"billing\.fail ended as FAILURE: ValueError: no money") as failure:
        send(data, a_context(execution_id="019a0000-0000-7000-8000-000000000002"))
    assert "Traceback" in str(failure.value)


def test_it_waits_no_longer_than_it_was_told():
    data = {"target": "billing", "task": "billing.add", "args": [1], "queue": "nobody-listens", "waitSeconds": 0.3}
    began = time.monotonic()
    with pytest.raises(NoResult, match=r"had not ended after 0\.3 s"):
        send(data, a_context(execution_id="019a0000-0000-7000-8000-000000000003"))
    assert time.monotonic() - began < 2


def test_it_closes_its_connections(url):
    before = own_connections(url)
    data = {"target": "billing", "task": "billing.add", "queue": "nobody-listens", "waitSeconds": 0.1}
    with pytest.raises(NoResult):
        send(data, a_context(execution_id="019a0000-0000-7000-8000-000000000004"))
    assert own_connections(url) == before


def own_connections(url):
    """The ports of this process's connections to a server, whoever else is connected to it."""
    port = urlsplit(url).port
    opened = psutil.Process().net_connections(kind="tcp")
    return {one.laddr.port for one in opened if one.raddr and one.raddr.port == port}


def test_it_takes_its_broker_from_the_setting_and_not_from_the_environment(monkeypatch, url):
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("CELERY_RESULT_BACKEND", "redis://127.0.0.1:1/0")
    data = {"target": "billing", "task": "billing.add", "queue": "nobody-listens", "waitSeconds": 0.1}
    with pytest.raises(NoResult):
        send(data, a_context(execution_id="019a0000-0000-7000-8000-000000000005"))
