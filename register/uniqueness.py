"""Names that may be there once: two who take one at the same moment meet a unique index."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import IntegrityError, transaction

from scheduler.errors import SchedulerError


@contextmanager
def one_name(constraint: str, *, taken: type[SchedulerError]) -> Iterator[None]:
    """Turn the refusal of a unique index into `taken`: only the index can tell which of two was first."""
    try:
        with transaction.atomic():
            yield
    except (IntegrityError, psycopg.IntegrityError) as error:
        if constraint in str(error):
            raise taken from error
        raise
