import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler', '0010_namespaces'),
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
    ]
