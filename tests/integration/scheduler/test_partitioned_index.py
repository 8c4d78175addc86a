"""An index of history that is made while history is written."""

import psycopg

_ATTACHED = """
SELECT count(*) FROM pg_inherits i
WHERE i.inhparent = 'task_execution_history'::regclass AND NOT EXISTS (
    SELECT FROM pg_inherits ii JOIN pg_index x ON x.indexrelid = ii.inhrelid
    WHERE ii.inhparent = 'history_backfills'::regclass AND x.indrelid = i.inhrelid
)
"""


def test_it_has_made_the_index_of_every_partition(connection: psycopg.Connection):
    assert connection.execute(_ATTACHED).fetchone() == (0,)


def test_it_removes_one(connection: psycopg.Connection):
    assert connection.execute("SELECT to_regclass('history_namespace')").fetchone() == (None,)


def test_it_leaves_a_valid_index_of_the_whole(connection: psycopg.Connection):
    row = connection.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'history_backfills'::regclass")
    assert row.fetchone() == (True,)
