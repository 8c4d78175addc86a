"""Migration operations that Django lacks; those of migrations that are not atomic may be run again at any point."""

from typing import Any

from django.contrib.postgres import operations as postgres
from django.db import OperationalError, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import AddConstraint, AddIndex, CreateModel, RemoveIndex
from django.db.migrations.state import ProjectState

LOCK_TIMEOUT = "200ms"
# Some minutes.
TRIES = 1_000


class CreatePartitioned(CreateModel):
    """Create the model's table PARTITION BY RANGE (id); columns, indexes and keys come from the model as usual."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        plain: Any = schema_editor.sql_create_table
        schema_editor.sql_create_table = plain + " PARTITION BY RANGE (id)"
        try:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        finally:
            schema_editor.sql_create_table = plain


class AddIndexConcurrently(postgres.AddIndexConcurrently):
    """Index a table while it is written, unless that has been done; what an interruption has left goes first."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        is_valid = _is_valid(schema_editor, self.index.name)
        if is_valid:
            return
        if is_valid is False:
            schema_editor.execute(f"DROP INDEX CONCURRENTLY {schema_editor.quote_name(self.index.name)}")
        super().database_forwards(app_label, schema_editor, from_state, to_state)


class AddConstraintOnce(AddConstraint):
    """Add a constraint that is an index, in one statement, unless that has been done."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if not _is_valid(schema_editor, self.constraint.name):
            super().database_forwards(app_label, schema_editor, from_state, to_state)


def _is_valid(schema_editor: BaseDatabaseSchemaEditor, index: str) -> bool | None:
    """Tell whether an index can be used; None where there is none, or where SQL is only written down."""
    if schema_editor.collect_sql:
        return None
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [index])
        row = cursor.fetchone()
    return bool(row[0]) if row else None


_PARTITIONS_WITHOUT = """
SELECT child.relname FROM pg_inherits i
JOIN pg_class child ON child.oid = i.inhrelid
WHERE i.inhparent = %(table)s::regclass AND NOT EXISTS (
    SELECT FROM pg_inherits ii JOIN pg_index x ON x.indexrelid = ii.inhrelid
    WHERE ii.inhparent = %(index)s::regclass AND x.indrelid = child.oid
)
ORDER BY child.relname
"""


class AddPartitionedIndex(AddIndex):
    """Index a partitioned table while it is written: CREATE INDEX CONCURRENTLY, which it cannot take, per partition.

    The index of the whole comes first, so that partitions made meanwhile have it; it is valid once every partition's
    is attached. Repeating it after an interruption goes on. The migration must not be atomic.
    """

    atomic = False

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        table, name = model._meta.db_table, self.index.name  # noqa: SLF001 - Django's documented API
        quote = schema_editor.quote_name
        create = str(self.index.create_sql(model, schema_editor))
        on_table, named = f" ON {quote(table)} ", f"CREATE INDEX {quote(name)}"
        whole = create.replace(named, f"CREATE INDEX IF NOT EXISTS {quote(name)}").replace(
            on_table, f" ON ONLY {quote(table)} "
        )
        schema_editor.execute(whole, params=None)
        if schema_editor.collect_sql:
            return  # which partitions there are, the database knows that it runs on
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(_PARTITIONS_WITHOUT, {"table": table, "index": name})
            partitions = [row[0] for row in cursor.fetchall()]
        for partition in partitions:
            own = quote(f"{partition}_{name}"[:63])
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {own}")
            schema_editor.execute(
                create.replace(named, f"CREATE INDEX CONCURRENTLY {own}").replace(on_table, f" ON {quote(partition)} "),
                params=None,
            )
            schema_editor.execute(f"ALTER INDEX {quote(name)} ATTACH PARTITION {own}")


class RemovePartitionedIndex(RemoveIndex):
    """Remove a partitioned table's index, which cannot be done CONCURRENTLY: for its locks it waits 200 ms at a time.

    Whoever comes meanwhile queues behind it no longer than that. Raises OperationalError where a reader stays for long.
    """

    atomic = False

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        drop = f"DROP INDEX IF EXISTS {schema_editor.quote_name(str(self.name))}"
        if schema_editor.collect_sql:
            schema_editor.execute(drop)
            return
        for tries_left in reversed(range(TRIES)):
            try:
                with transaction.atomic(schema_editor.connection.alias), schema_editor.connection.cursor() as cursor:
                    cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
                    cursor.execute(drop)
            except OperationalError:
                if not tries_left:
                    raise
            else:
                return
