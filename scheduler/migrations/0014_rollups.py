import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import scheduler.engine.states
from django.db import migrations, models

FILL = """
INSERT INTO scheduler_task_search AS s (task_id, name, task_class, labels, status)
SELECT t.id, upper(t.name), t.task_class, t.labels, t.status FROM scheduler_tasks t
LEFT JOIN scheduler_task_search known ON known.task_id = t.id
WHERE (upper(t.name), t.task_class, t.labels, t.status)
    IS DISTINCT FROM (known.name, known.task_class, known.labels, known.status)
ON CONFLICT (task_id) DO UPDATE
SET name = excluded.name, task_class = excluded.task_class, labels = excluded.labels, status = excluded.status;
"""

# The extension is PostgreSQL's own and trusted; where a server lacks it, or its owner forbids it, names are searched
# one after the other in a narrow table.
TRIGRAMS = """
DO $$ BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX scheduler_search_name ON scheduler_task_search USING gin (name gin_trgm_ops);
EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported OR undefined_object THEN
    RAISE NOTICE 'No index of trigrams: %', SQLERRM;
END $$
"""

FOLLOW = """
CREATE FUNCTION scheduler_task_search_follow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM scheduler_task_search WHERE task_id = OLD.id;
        RETURN NULL;
    END IF;
    INSERT INTO scheduler_task_search (task_id, name, task_class, labels, status)
    VALUES (NEW.id, upper(NEW.name), NEW.task_class, NEW.labels, NEW.status)
    ON CONFLICT (task_id) DO UPDATE
    SET name = excluded.name, task_class = excluded.task_class, labels = excluded.labels, status = excluded.status;
    RETURN NULL;
END $$;
CREATE TRIGGER scheduler_tasks_searched AFTER INSERT OR DELETE ON scheduler_tasks
    FOR EACH ROW EXECUTE FUNCTION scheduler_task_search_follow();
CREATE TRIGGER scheduler_tasks_searched_anew AFTER UPDATE OF name, task_class, labels, status ON scheduler_tasks
    FOR EACH ROW WHEN (
        (OLD.name, OLD.task_class, OLD.labels, OLD.status)
            IS DISTINCT FROM (NEW.name, NEW.task_class, NEW.labels, NEW.status)
    ) EXECUTE FUNCTION scheduler_task_search_follow();
"""

UNFOLLOW = """
DROP TRIGGER scheduler_tasks_searched ON scheduler_tasks;
DROP TRIGGER scheduler_tasks_searched_anew ON scheduler_tasks;
DROP FUNCTION scheduler_task_search_follow();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler', '0013_templates'),
    ]

    operations = [
        migrations.CreateModel(
            name='Ending',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('executions', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
            ],
            options={
                'db_table': 'scheduler_endings',
            },
        ),
        migrations.CreateModel(
            name='NamespaceRollUp',
            fields=[
                ('success', models.IntegerField(db_default=0, default=0)),
                ('failed', models.IntegerField(db_default=0, default=0)),
                ('timed_out', models.IntegerField(db_default=0, default=0)),
                ('cancelled', models.IntegerField(db_default=0, default=0)),
                ('lost', models.IntegerField(db_default=0, default=0)),
                ('skipped', models.BigIntegerField(db_default=0, default=0)),
                ('pk', models.CompositePrimaryKey('span', 'namespace', 'begin', blank=True, editable=False, primary_key=True, serialize=False)),
                ('span', models.CharField(help_text='minute or hour.', max_length=6)),
                ('namespace', models.CharField(max_length=100)),
                ('begin', models.DateTimeField()),
            ],
            options={
                'db_table': 'scheduler_namespace_rollups',
                'indexes': [models.Index(fields=['span', 'begin'], name='scheduler_ns_rollups_begin')],
            },
        ),
        migrations.CreateModel(
            name='TaskRollUp',
            fields=[
                ('success', models.IntegerField(db_default=0, default=0)),
                ('failed', models.IntegerField(db_default=0, default=0)),
                ('timed_out', models.IntegerField(db_default=0, default=0)),
                ('cancelled', models.IntegerField(db_default=0, default=0)),
                ('lost', models.IntegerField(db_default=0, default=0)),
                ('skipped', models.BigIntegerField(db_default=0, default=0)),
                ('pk', models.CompositePrimaryKey('task_id', 'hour', blank=True, editable=False, primary_key=True, serialize=False)),
                ('hour', models.DateTimeField()),
                ('retries', models.IntegerField(db_default=0, default=0, help_text='Attempts after the first.')),
                ('duration_sum_ms', models.BigIntegerField(db_default=0, default=0)),
                ('lateness_sum_ms', models.BigIntegerField(db_default=0, default=0)),
                ('durations', models.JSONField(db_default={}, default=dict)),
                ('lateness', models.JSONField(db_default={}, default=dict)),
                ('task', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='scheduler.task')),
            ],
            options={
                'db_table': 'scheduler_task_rollups',
                'indexes': [models.Index(fields=['hour'], name='scheduler_task_rollups_hour')],
            },
        ),
        # Rewritten many times within an hour, and no index with them: room for that beside each row.
        migrations.RunSQL(
            "ALTER TABLE scheduler_task_rollups SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02)",
            "ALTER TABLE scheduler_task_rollups RESET (fillfactor, autovacuum_vacuum_scale_factor)",
        ),
        migrations.CreateModel(
            name='TaskSearch',
            fields=[
                ('task', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name='+', serialize=False, to='scheduler.task')),
                ('name', models.TextField(help_text='In upper case.')),
                ('task_class', models.CharField(max_length=255)),
                ('labels', models.JSONField()),
                ('status', models.CharField(max_length=50)),
            ],
            options={
                'db_table': 'scheduler_task_search',
            },
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name='tasksearch',
            index=models.Index(fields=['task_class', 'task'], name='scheduler_task_search_class'),
        ),
        migrations.AddIndex(
            model_name='tasksearch',
            index=models.Index(condition=models.Q(('status', scheduler.engine.states.TaskStatus['ACTIVE']), _negated=True), fields=['status', 'task'], name='scheduler_search_status'),
        ),
        migrations.AddIndex(
            model_name='tasksearch',
            index=django.contrib.postgres.indexes.GinIndex(django.contrib.postgres.indexes.OpClass('labels', name='jsonb_path_ops'), name='scheduler_search_labels'),
        ),
        migrations.RunSQL(TRIGRAMS, migrations.RunSQL.noop),
        # Last, for it locks writers of scheduler_tasks out until the commit: what has changed since is filled in then.
        migrations.RunSQL(FOLLOW + FILL, UNFOLLOW),
    ]
