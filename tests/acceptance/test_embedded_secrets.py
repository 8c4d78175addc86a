"""The secrets that `up` makes: they work, they stay, and nobody else reads them."""

import stat
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from platform_scheduler.management.commands.bootstrap import ensure_login, ensure_token
from scheduler.clock import now
from scheduler.models.access import ApiToken
from scheduler.tokens import authenticate

pytestmark = [pytest.mark.acceptance, pytest.mark.anywhere]


def test_it_keeps_its_secrets_to_their_owner(up):
    up.start()
    up.end()
    readable_by_others = [
        path.name
        for path in up.data_dir.rglob("*")
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077 and holds_a_secret(path, up.state)
    ]
    assert readable_by_others == []


def holds_a_secret(path: Path, state: dict[str, str]) -> bool:
    text = path.read_bytes()
    return any(state[name].encode() in text for name in ("postgres_password", "valkey_password", "secret_key"))


@pytest.mark.django_db
def test_it_makes_a_login_that_works(tmp_path):
    ensure_login(tmp_path / "admin-login")
    user, password = (tmp_path / "admin-login").read_text().split()
    admin = User.objects.get(username=user)
    assert admin.check_password(password)
    assert (admin.is_staff, admin.is_superuser) == (True, True)


@pytest.mark.django_db
def test_it_keeps_a_login_that_it_has_made(tmp_path):
    ensure_login(tmp_path / "admin-login")
    before = (tmp_path / "admin-login").read_text()
    ensure_login(tmp_path / "admin-login")
    assert (tmp_path / "admin-login").read_text() == before


@pytest.mark.django_db
def test_it_makes_another_login_for_another_database(tmp_path):
    (tmp_path / "admin-login").write_text("admin of-an-older-database\n")
    ensure_login(tmp_path / "admin-login")
    _, password = (tmp_path / "admin-login").read_text().split()
    assert User.objects.get(username="admin").check_password(password)


@pytest.mark.django_db
def test_the_data_dir_that_came_last_knows_the_password(tmp_path):
    for name in ("one", "other"):
        ensure_login(tmp_path / name)
    admin = User.objects.get(username="admin")
    known = [admin.check_password((tmp_path / name).read_text().split()[1]) for name in ("one", "other")]
    assert known == [False, True]


@pytest.mark.django_db
def test_it_makes_a_token_that_works_and_keeps_it(tmp_path):
    ensure_token(tmp_path / "admin-token", now=now())
    secret = (tmp_path / "admin-token").read_text().strip()
    token = authenticate(secret, now())
    assert token
    assert (token.role, token.namespace) == ("admin", None)
    ensure_token(tmp_path / "admin-token", now=now())
    assert (tmp_path / "admin-token").read_text().strip() == secret


@pytest.mark.django_db
def test_it_replaces_a_token_that_no_longer_works(tmp_path):
    ensure_token(tmp_path / "admin-token", now=now())
    ApiToken.objects.update(revoked_at=now())
    ensure_token(tmp_path / "admin-token", now=now())
    assert authenticate((tmp_path / "admin-token").read_text().strip(), now())
