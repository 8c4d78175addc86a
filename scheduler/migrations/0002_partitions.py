"""What models cannot say: the fence sequence, storage of the hot table, the first partitions of history."""

from django.db import migrations


def make_partitions(apps, schema_editor):
    from scheduler import clock, partitions

    connection = schema_editor.connection
    partitions.ensure(connection.connection, now=clock.read(connection.connection))


class Migration(migrations.Migration):
    dependencies = [("scheduler", "0001_initial")]

    operations = [
        migrations.RunSQL("CREATE SEQUENCE execution_fence AS bigint", "DROP SEQUENCE execution_fence"),
        migrations.RunSQL(
            "ALTER TABLE scheduler_tasks SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02)",
            "ALTER TABLE scheduler_tasks RESET (fillfactor, autovacuum_vacuum_scale_factor)",
        ),
        migrations.RunPython(make_partitions, migrations.RunPython.noop),
    ]
