"""Fills in what tasks are sorted and filtered by, some at a time, and indexes it while it is written."""

from django.db import migrations, models

from scheduler.migration_operations import AddIndexConcurrently


# What somebody changes meanwhile the trigger has filled in: it is passed over.
FILL = """
WITH batch AS (
    SELECT task_id FROM scheduler_task_search WHERE task_id > %(after)s ORDER BY task_id LIMIT 5000
), filled AS (
    UPDATE scheduler_task_search s
    SET own_name = t.name, namespace = t.namespace, queue = t.queue, priority = t.priority,
        created_at = t.created_at, updated_at = t.updated_at
    FROM scheduler_tasks t
    WHERE t.id = s.task_id AND s.task_id IN (SELECT task_id FROM batch) AND s.own_name IS NULL
)
SELECT task_id FROM batch ORDER BY task_id DESC LIMIT 1
"""


def fill(apps, schema_editor):
    """Fill in the tasks that there are, a transaction each 5,000 of them."""
    after = "00000000-0000-0000-0000-000000000000"
    with schema_editor.connection.cursor() as cursor:
        while after is not None:
            cursor.execute(FILL, {"after": after})
            row = cursor.fetchone()
            after = row[0] if row else None


def index(name, *fields):
    return AddIndexConcurrently(model_name='tasksearch', index=models.Index(fields=list(fields), name=name))


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('scheduler', '0039_search_columns'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
        index('scheduler_search_by_status', 'status', 'task'),
        index('scheduler_search_own_name', 'own_name', 'task'),
        index('scheduler_search_priority', 'priority', 'task'),
        index('scheduler_search_updated', 'updated_at', 'task'),
        index('scheduler_search_newest', '-created_at', 'task'),
        index('scheduler_search_namespace', 'namespace', '-created_at', 'task'),
        index('scheduler_search_queue', 'queue', '-created_at', 'task'),
        index('scheduler_search_class_new', 'task_class', '-created_at', 'task'),
    ]
