"""Takes over when each task ran last; running it again goes on after an interruption."""

from django.db import migrations

# What ends meanwhile is noted by whoever counts it: the later of the two stays.
FILL = """
WITH batch AS (
    SELECT id, last_executed_at FROM scheduler_tasks WHERE id > %(after)s ORDER BY id LIMIT 5000
), filled AS (
    INSERT INTO scheduler_last_runs AS l (task_id, began_at)
    SELECT id, last_executed_at FROM batch WHERE last_executed_at IS NOT NULL
    ON CONFLICT (task_id) DO UPDATE SET began_at = excluded.began_at WHERE l.began_at < excluded.began_at
)
SELECT id FROM batch ORDER BY id DESC LIMIT 1
"""


def fill(apps, schema_editor):
    """Take over what there is, a transaction each 5,000 tasks."""
    after = "00000000-0000-0000-0000-000000000000"
    with schema_editor.connection.cursor() as cursor:
        while after is not None:
            cursor.execute(FILL, {"after": after})
            row = cursor.fetchone()
            after = row[0] if row else None


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('scheduler', '0049_last_runs'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
