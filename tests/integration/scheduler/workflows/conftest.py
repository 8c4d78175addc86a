"""A workflow on committed rows."""

from datetime import datetime

import psycopg
import pytest

from tests.workflow import Workflow


@pytest.fixture
def flow(connection: psycopg.Connection, now: datetime) -> Workflow:
    """An empty workflow."""
    return Workflow(connection, now)
