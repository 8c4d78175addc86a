"""Two processes that work the forecast out at once."""

from datetime import datetime

import psycopg
from django.db import connection as here

from scheduler import forecasts
from scheduler.models import ForecastRun
from tests.hot_paths import Open


def test_only_one_works_it_out(open_connection: Open, now: datetime, db: None) -> None:
    other: psycopg.Connection = open_connection()
    with other.transaction():
        other.execute("SELECT pg_advisory_xact_lock(%s)", (forecasts.ADVISORY_KEY,))
        counted = forecasts.work_out(now=now)

    assert (counted, ForecastRun.objects.count(), here.in_atomic_block) == (0, 0, True)
