"""Which broker a deployment has named."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from platform_scheduler.settings.brokers import transport_options
from platform_scheduler.settings.environment import broker_url, critical_only
from scheduler.messages import broker_priority

RABBITMQ = "amqp://user:p%2Fw@rabbit-1:5672/vhost"


@pytest.fixture(autouse=True)
def redis_url(monkeypatch: pytest.MonkeyPatch) -> str:
    """What is set where a test sets nothing else."""
    monkeypatch.setenv("REDIS_URL", "redis://redis:6379/0")
    monkeypatch.delenv("BROKER_URL", raising=False)
    return "redis://redis:6379/0"


def test_it_takes_redis_for_the_broker(redis_url: str):
    assert broker_url() == redis_url


@pytest.mark.parametrize(
    "url",
    [
        RABBITMQ,
        "amqp://rabbit",
        "amqps://user:password@rabbit/",
        f"{RABBITMQ};amqp://user:password@rabbit-2//",
        "AMQP://rabbit",
        "redis://:password@other/3",
        "rediss://other:6380?ssl_cert_reqs=required",
        "redis://[::1]:6379",
        "sentinel://:password@sentinel-1:26379/0;sentinel://sentinel-2:26379",
    ],
)
def test_it_prefers_the_broker_that_is_named(monkeypatch: pytest.MonkeyPatch, url: str):
    monkeypatch.setenv("BROKER_URL", url)
    assert broker_url() == url


def test_it_needs_no_redis_beside_another_broker(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("REDIS_URL")
    monkeypatch.setenv("BROKER_URL", RABBITMQ)
    assert broker_url() == RABBITMQ


def test_it_takes_an_empty_variable_for_an_unset_one(monkeypatch: pytest.MonkeyPatch, redis_url: str):
    monkeypatch.setenv("BROKER_URL", "")
    assert broker_url() == redis_url


def test_it_refuses_to_be_without_a_broker(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("REDIS_URL")
    with pytest.raises(ImproperlyConfigured, match=r"REDIS_URL is missing: .*BROKER_URL"):
        broker_url()


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("kafka://:hidden@h", "must begin with one of redis://, rediss://, sentinel://, amqp://, amqps://"),
        ("memory://", "must begin with"),
        ("sentinel://:hidden@h:26379/hidden", "names no database by its number"),
        ("sentinel://h;redis://:hidden@h", "must begin with one of sentinel://"),
        ("hidden", "must begin with"),
        ("h:5672", "must begin with"),
        ("amqp:hidden@h", "must begin with"),
        ("amqp://", "names no host"),
        ("amqp:///vhost", "names no host"),
        ("amqp://user:hidden@:5672/", "names no host"),
        ("amqp://h:0", "names no host"),
        ("amqp://h:fifty", "port is no number"),
        ("amqp://h:65536", "port is no number"),
        ("amqp://user:hid/den@h:5672", "port is no number"),
        ("amqp://[::1/", "is not a URL"),
        ("amqp://h;redis://h", "must begin with one of amqp://, amqps://"),
        ("amqp://h;", "must begin with"),
        ("redis://", "names no host"),
        ("redis://h/hidden", "names no database by its number"),
        ("redis://h/²", "names no database by its number"),
        ("redis://h;redis://i", "names no"),
        ("  amqp://h", "must begin with"),
    ],
)
def test_it_refuses_what_is_no_broker_and_repeats_nothing_of_it(monkeypatch: pytest.MonkeyPatch, url: str, fault: str):
    monkeypatch.setenv("BROKER_URL", url)
    with pytest.raises(ImproperlyConfigured, match=r"^BROKER_URL ") as refusal:
        broker_url()
    assert fault in str(refusal.value)
    assert "hid" not in str(refusal.value)


def test_it_refuses_rabbitmq_under_the_name_of_redis(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("REDIS_URL", RABBITMQ)
    with pytest.raises(ImproperlyConfigured, match=r"^REDIS_URL must begin with one of redis://, rediss://\.$"):
        broker_url()


@pytest.mark.parametrize(("url", "option"), [(RABBITMQ, "confirm_publish"), ("redis://h", "priority_steps")])
def test_it_tells_each_driver_what_it_understands(url: str, option: str):
    assert transport_options(url)[option]
    assert len({"confirm_publish", "priority_steps"} & transport_options(url).keys()) == 1


def test_a_worker_for_what_is_critical_reads_the_list_of_priority_10_alone():
    options = critical_only("redis://h", transport_options("redis://h"))

    assert options["priority_steps"] == [broker_priority(10, transport="redis")]
    assert options.keys() == transport_options("redis://h").keys()


def test_rabbitmq_hands_out_a_queue_as_a_whole():
    with pytest.raises(ImproperlyConfigured, match=r"^WORKER_CRITICAL_ONLY needs Redis: .* a queue of its own"):
        critical_only(RABBITMQ, {})
