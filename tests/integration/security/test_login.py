"""The dashboard's login: guessing gets slower than it is worth, and nobody can lock somebody else out."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
import redis
from django.conf import settings as of_project
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import OperationalError
from django.test import Client, RequestFactory
from limits.errors import StorageError

from platform_scheduler import login_rates
from scheduler import housekeeping

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Nothing is counted before and after."""
    prefix = of_project.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"]
    store = redis.Redis.from_url(of_project.CELERY_BROKER_URL)

    def forget() -> None:
        login_rates._counters.cache_clear()
        for key in store.scan_iter(f"*{prefix}logins*"):
            store.delete(key)

    forget()
    yield
    forget()
    store.close()


@pytest.fixture
def ada(db: None) -> User:
    """May log in."""
    return User.objects.create_superuser("ada", password=PASSWORD)


def attempt(name: str = "ada", *, password: str | None = None, address: str = "192.0.2.1") -> Any:
    client = Client(REMOTE_ADDR=address, raise_request_exception=False)
    return client.post("/admin/login/", {"username": name, "password": password or "wrong"})


def fail(count: int, **who: str) -> list[int]:
    return [attempt(**who).status_code for _ in range(count)]


def test_the_right_password_logs_in(ada: User):
    assert attempt(password=PASSWORD).status_code == 302


def test_the_sixth_failure_is_refused(ada: User):
    assert fail(6) == [200, 200, 200, 200, 200, 429]


def test_then_even_the_right_password_is_not_tried(ada: User):
    fail(5)
    answer = attempt(password=PASSWORD)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 1_800
    assert "Too many logins have failed" in answer.content.decode()


def test_another_spelling_of_the_name_counts_as_the_same(ada: User):
    fail(5)
    assert attempt("ADA").status_code == 429


def test_somebody_elsewhere_is_not_locked_out(ada: User):
    fail(5, address="192.0.2.1")
    assert attempt(password=PASSWORD, address="192.0.2.2").status_code == 302


def test_one_address_may_not_try_one_name_after_another(ada: User):
    statuses = [attempt(f"user-{number}").status_code for number in range(31)]
    assert statuses[-1] == 429
    assert set(statuses[:30]) == {200}


def test_those_who_try_all_at_once_are_not_more(db: None):
    keys = login_rates.keys_of(RequestFactory().get("/"), "ada")
    with ThreadPoolExecutor(20) as pool:
        waits = list(pool.map(lambda _: login_rates.admit(keys), range(20)))
    assert waits.count(0) == 5
    assert min(wait for wait in waits if wait) >= 1


def test_one_network_of_ipv6_is_one_address(ada: User):
    fail(5, address="2001:db8:0:7::1")
    assert attempt(address="2001:db8:0:7:ffff::2").status_code == 429
    assert attempt(address="2001:db8:0:8::1").status_code == 200


def test_a_failure_that_is_the_platforms_counts_on_nothing(ada: User, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: Any, **__: Any) -> None:
        raise OperationalError("away")

    with monkeypatch.context() as patched:
        patched.setattr("django.contrib.auth.forms.authenticate", refuse)
        assert fail(6) == [503] * 6
    assert attempt(password=PASSWORD).status_code == 302


COUNT_AT_ONCE = """
import django, sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
django.setup()
from platform_scheduler import login_rates, token_rates
together = Barrier(20)
def first(_):
    together.wait()
    return login_rates._counters(), token_rates.limiter()
with ThreadPoolExecutor(20) as pool:
    sys.exit(len(list(pool.map(first, range(20)))) - 20)
"""


def test_the_first_requests_of_a_process_may_come_all_at_once():
    done = subprocess.run([sys.executable, "-c", COUNT_AT_ONCE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_made_up_forwarded_address_does_not_help(ada: User):
    fail(5)
    answer = Client(REMOTE_ADDR="192.0.2.1").post(
        "/admin/login/", {"username": "ada", "password": PASSWORD}, headers={"X-Forwarded-For": "198.51.100.7"}
    )
    assert answer.status_code == 429


def test_without_redis_each_process_counts_for_itself(ada: User, monkeypatch: pytest.MonkeyPatch):
    shared, _ = login_rates._counters()

    def refuse(*_: Any, **__: Any) -> None:
        raise StorageError(ConnectionError("away"))

    for name in ("hit", "get_window_stats"):
        monkeypatch.setattr(shared, name, refuse)
    assert fail(6)[-1] == 429


def test_a_login_that_is_right_counts_on_nothing(ada: User):
    for _ in range(8):
        assert attempt(password=PASSWORD).status_code == 302


def test_it_says_the_same_of_a_name_that_is_not_known(ada: User):
    known, unknown = (attempt(name).content.decode() for name in ("ada", "nobody-of-that-name"))
    assert "Please enter the correct username" in known
    assert "Please enter the correct username" in unknown


def test_the_session_is_for_the_server_only_and_ends(ada: User):
    client = Client()
    before = client.get("/admin/login/").cookies.get("sessionid")
    client.post("/admin/login/", {"username": "ada", "password": PASSWORD})
    cookie = client.cookies["sessionid"]
    assert before is None
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["max-age"] == 12 * 3600


def test_a_post_from_another_page_is_refused(ada: User):
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)
    assert client.post("/admin/auth/user/add/", {"username": "mallory"}).status_code == 403
    assert not User.objects.filter(username="mallory").exists()


def test_a_logout_ends_the_session_on_the_server(ada: User):
    client = Client()
    client.force_login(ada)
    stolen = client.cookies["sessionid"].value
    client.post("/admin/logout/")
    thief = Client()
    thief.cookies["sessionid"] = stolen
    assert thief.get("/admin/").status_code == 302


def test_sessions_that_have_ended_are_removed(ada: User, now: datetime):
    client = Client()
    client.force_login(ada)
    Session.objects.update(expire_date=now - timedelta(days=1))
    housekeeping.forget_sessions()
    assert not Session.objects.exists()
