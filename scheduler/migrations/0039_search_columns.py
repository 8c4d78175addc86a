"""What tasks are sorted and filtered by goes beside the hot table too; the next migration fills it in."""

import django.db.models.deletion
from django.db import migrations, models

FOLLOW = """
CREATE OR REPLACE FUNCTION scheduler_task_search_follow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM scheduler_task_search WHERE task_id = OLD.id;
        RETURN NULL;
    END IF;
    INSERT INTO scheduler_task_search (
        task_id, name, task_class, labels, status, own_name, namespace, queue, priority, created_at, updated_at
    ) VALUES (
        NEW.id, upper(NEW.name), NEW.task_class, NEW.labels, NEW.status, NEW.name, NEW.namespace, NEW.queue,
        NEW.priority, NEW.created_at, NEW.updated_at
    ) ON CONFLICT (task_id) DO UPDATE
    SET name = excluded.name, task_class = excluded.task_class, labels = excluded.labels, status = excluded.status,
        own_name = excluded.own_name, namespace = excluded.namespace, queue = excluded.queue,
        priority = excluded.priority, created_at = excluded.created_at, updated_at = excluded.updated_at;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER scheduler_tasks_searched_anew
    AFTER UPDATE OF name, task_class, labels, status, namespace, queue, priority, created_at, updated_at
    ON scheduler_tasks
    FOR EACH ROW WHEN (
        (OLD.name, OLD.task_class, OLD.labels, OLD.status, OLD.namespace, OLD.queue, OLD.priority, OLD.created_at,
            OLD.updated_at)
            IS DISTINCT FROM (NEW.name, NEW.task_class, NEW.labels, NEW.status, NEW.namespace, NEW.queue,
            NEW.priority, NEW.created_at, NEW.updated_at)
    ) EXECUTE FUNCTION scheduler_task_search_follow();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler', '0038_indexes_of_lists'),
    ]

    operations = [
        # First the table that is locked last: a registration locks it before the other one, too. In the other order the
        # two would wait for each other, and the registration be given up.
        migrations.RunSQL('LOCK TABLE scheduler_tasks IN ACCESS EXCLUSIVE MODE', migrations.RunSQL.noop),
        migrations.AddField('tasksearch', 'own_name', models.CharField(help_text='As it was given.', max_length=255, null=True)),
        migrations.AddField('tasksearch', 'namespace', models.CharField(max_length=100, null=True)),
        migrations.AddField('tasksearch', 'queue', models.CharField(max_length=100, null=True)),
        migrations.AddField('tasksearch', 'priority', models.IntegerField(null=True)),
        migrations.AddField('tasksearch', 'created_at', models.DateTimeField(null=True)),
        migrations.AddField('tasksearch', 'updated_at', models.DateTimeField(null=True)),
        migrations.AlterField('tasksearch', 'task', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name='search', serialize=False, to='scheduler.task')),
        migrations.RunSQL(FOLLOW, migrations.RunSQL.noop),
    ]
