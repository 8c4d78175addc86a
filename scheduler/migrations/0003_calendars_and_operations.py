import django.db.models.deletion
import django.db.models.functions.datetime
import scheduler.engine.states
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler', '0002_partitions'),
    ]

    operations = [
        migrations.CreateModel(
            name='Calendar',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('namespace', models.CharField(blank=True, help_text='The one namespace that may use it; NULL is shared by all.', max_length=100, null=True)),
                ('description', models.TextField(blank=True, null=True)),
                ('rules', models.JSONField(db_default={}, default=dict)),
                ('version', models.IntegerField(db_default=1, default=1)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('created_by', models.CharField(blank=True, max_length=100, null=True)),
                ('updated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'db_table': 'scheduler_calendars',
            },
        ),
        migrations.CreateModel(
            name='Operation',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('BACKFILL', 'Backfill')], max_length=40)),
                ('status', models.CharField(choices=[('PENDING', 'Pending'), ('RUNNING', 'Running'), ('COMPLETED', 'Completed'), ('ABORTED', 'Aborted'), ('FAILED', 'Failed')], db_default='PENDING', default='PENDING', max_length=20)),
                ('namespace', models.CharField(blank=True, help_text='NULL is every namespace.', max_length=100, null=True)),
                ('arguments', models.JSONField(db_default={}, default=dict)),
                ('position', models.DateTimeField(blank=True, help_text='Where it goes on: the next slot to look at.', null=True)),
                ('total_count', models.IntegerField(blank=True, null=True)),
                ('done_count', models.IntegerField(db_default=0, default=0)),
                ('failed_count', models.IntegerField(db_default=0, default=0)),
                ('skipped_count', models.IntegerField(db_default=0, default=0)),
                ('errors', models.JSONField(db_default=[], default=list)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('created_by', models.CharField(blank=True, max_length=100, null=True)),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('abort_requested_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'db_table': 'scheduler_operations',
            },
        ),
        migrations.AddField(
            model_name='task',
            name='calendar_policy',
            field=models.CharField(choices=[('SKIP', 'Skip'), ('NEXT_OPEN', 'Next open'), ('PREVIOUS_OPEN', 'Previous open')], db_default='SKIP', default='SKIP', max_length=20),
        ),
        migrations.AddField(
            model_name='task',
            name='calendar_version',
            field=models.IntegerField(blank=True, help_text='The version of the calendar by which next_slot_for was worked out.', null=True),
        ),
        migrations.AddField(
            model_name='task',
            name='interval_mode',
            field=models.CharField(choices=[('FIXED_RATE', 'Fixed Rate'), ('FIXED_DELAY', 'Fixed Delay')], db_default='FIXED_RATE', default='FIXED_RATE', max_length=20),
        ),
        migrations.AddField(
            model_name='task',
            name='jitter_seconds',
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AddConstraint(
            model_name='calendar',
            constraint=models.UniqueConstraint(fields=('namespace', 'name'), name='scheduler_calendars_name_once', nulls_distinct=False),
        ),
        migrations.AddField(
            model_name='task',
            name='calendar',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='tasks', to='scheduler.calendar'),
        ),
        migrations.AddField(
            model_name='operation',
            name='task',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='operations', to='scheduler.task'),
        ),
        migrations.AddIndex(
            model_name='operation',
            index=models.Index(condition=models.Q(('status__in', ('PENDING', 'RUNNING'))), fields=['created_at', 'id'], name='scheduler_operations_open'),
        ),
    ]
