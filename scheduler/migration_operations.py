"""Migration operations that Django lacks."""

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import AddIndex, CreateModel
from django.db.migrations.state import ProjectState


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
