"""What the settings of a namespace say to whoever registers and runs its tasks."""

import json

import psycopg

# As text: Django's connections and the loops' own read JSON in different ways.
_NAMES = "SELECT secret_names::text FROM scheduler_namespaces WHERE name = %s"


def secret_names(connection: psycopg.Connection, namespace: str) -> list[str]:
    """Return which secrets the tasks of a namespace may name; none where its settings leave that to SECRET_NAMES."""
    row = connection.execute(_NAMES, (namespace,)).fetchone()
    names: list[str] = json.loads(row[0]) if row else []
    return names
