"""The desk that these tests work with."""

from datetime import datetime

import psycopg
import pytest

from tests.integration.scheduler.flow.desk import Desk


@pytest.fixture
def desk(connection: psycopg.Connection, now: datetime) -> Desk:
    return Desk(connection, now)
