"""The cast of tokens: two who may make them."""

from datetime import datetime

import pytest

from register.access import create_token
from tests.integration.conftest import Caller


@pytest.fixture
def admin(now: datetime) -> Caller:
    """May do everything."""
    return Caller(create_token("ada", role="admin", now=now)[1])


@pytest.fixture
def payments_admin(now: datetime) -> Caller:
    """May do everything in the namespace payments."""
    return Caller(create_token("pia", role="admin", namespace="payments", now=now)[1])
