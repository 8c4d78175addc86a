import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
import scheduler.engine.states
import scheduler.models.task
import uuid
from django.db import migrations, models

from scheduler.migration_operations import CreatePartitioned


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='ApiToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=255)),
                ('secret_hash', models.CharField(help_text='SHA-256 of the 256-bit random secret.', max_length=64, unique=True)),
                ('role', models.CharField(choices=[('viewer', 'Viewer'), ('operator', 'Operator'), ('editor', 'Editor'), ('admin', 'Admin')], max_length=20)),
                ('namespace', models.CharField(blank=True, help_text='NULL is every namespace.', max_length=100, null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('last_used_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'db_table': 'scheduler_tokens',
            },
        ),
        CreatePartitioned(
            name='ExecutionLog',
            fields=[
                ('id', models.UUIDField(editable=False, help_text="The execution's id.", primary_key=True, serialize=False)),
                ('head', models.TextField()),
                ('tail', models.TextField(blank=True)),
                ('dropped_bytes', models.BigIntegerField(db_default=0, default=0)),
            ],
            options={
                'db_table': 'execution_log',
            },
        ),
        migrations.CreateModel(
            name='Handler',
            fields=[
                ('task_class', models.CharField(max_length=255, primary_key=True, serialize=False)),
                ('description', models.TextField(blank=True)),
                ('schema', models.JSONField(default=dict, help_text='JSON schema of the task data.')),
                ('defaults', models.JSONField(default=dict, help_text='Task fields used where a registration leaves them out.')),
                ('schedules', models.JSONField(default=list, help_text='Schedules declared beside the handler in code.')),
                ('version', models.CharField(blank=True, max_length=100)),
                ('queues', models.JSONField(default=list, help_text='Queues of the worker that announced it last.')),
                ('node_id', models.CharField(max_length=100)),
                ('seen_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'scheduler_handlers',
            },
        ),
        migrations.CreateModel(
            name='Lease',
            fields=[
                ('name', models.CharField(max_length=100, primary_key=True, serialize=False)),
                ('holder', models.UUIDField(blank=True, null=True)),
                ('epoch', models.BigIntegerField(default=0, help_text='Grows when the holder changes.')),
                ('expires_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'scheduler_leases',
            },
        ),
        migrations.CreateModel(
            name='Node',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('role', models.CharField(choices=[('scheduler', 'Scheduler'), ('worker', 'Worker'), ('web', 'Web')], max_length=20)),
                ('hostname', models.CharField(max_length=255)),
                ('pid', models.IntegerField()),
                ('version', models.CharField(blank=True, max_length=100)),
                ('started_at', models.DateTimeField()),
                ('heartbeat_at', models.DateTimeField()),
                ('load', models.JSONField(default=dict, help_text='Last sample: what it runs, its CPU and its memory.')),
            ],
            options={
                'db_table': 'scheduler_nodes',
                'indexes': [models.Index(fields=['-heartbeat_at'], name='scheduler_nodes_heartbeat')],
            },
        ),
        migrations.CreateModel(
            name='Task',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=255)),
                ('description', models.TextField(blank=True, null=True)),
                ('cron_expression', models.CharField(blank=True, max_length=100, null=True)),
                ('task_class', models.CharField(max_length=255)),
                ('task_data', models.TextField(blank=True, null=True)),
                ('status', models.CharField(choices=[('ACTIVE', 'Active'), ('PAUSED', 'Paused'), ('COMPLETED', 'Completed'), ('DELETED', 'Deleted')], db_default=scheduler.engine.states.TaskStatus['ACTIVE'], max_length=50)),
                ('priority', models.IntegerField(db_default=5, default=5)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('updated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='When the definition last changed.')),
                ('created_by', models.CharField(blank=True, max_length=100, null=True)),
                ('retry_count', models.IntegerField(db_default=0, default=0, help_text='Retries used by the latest slot.')),
                ('max_retry_count', models.IntegerField(db_default=3, default=3)),
                ('last_executed_at', models.DateTimeField(blank=True, null=True)),
                ('next_execution_time', models.DateTimeField(blank=True, help_text='The next slot with its jitter.', null=True)),
                ('timeout_seconds', models.IntegerField(db_default=3600, default=3600)),
                ('namespace', models.CharField(db_default='default', default='default', max_length=100)),
                ('version', models.IntegerField(db_default=1, default=1)),
                ('owner', models.CharField(blank=True, max_length=255, null=True)),
                ('labels', models.JSONField(blank=True, db_default={}, default=dict)),
                ('time_zone', models.CharField(db_default='UTC', default='UTC', max_length=64)),
                ('interval_seconds', models.IntegerField(blank=True, null=True)),
                ('run_at', models.DateTimeField(blank=True, null=True)),
                ('start_at', models.DateTimeField(blank=True, null=True)),
                ('end_at', models.DateTimeField(blank=True, null=True)),
                ('anchor_at', models.DateTimeField(blank=True, help_text="Where an interval's slots are counted from.", null=True)),
                ('misfire_policy', models.CharField(choices=[('FIRE_ONCE', 'Fire Once'), ('FIRE_ALL', 'Fire All'), ('SKIP', 'Skip')], db_default='FIRE_ONCE', default='FIRE_ONCE', max_length=20)),
                ('misfire_grace_seconds', models.IntegerField(db_default=60, default=60)),
                ('catch_up_limit', models.IntegerField(db_default=100, default=100)),
                ('overlap_policy', models.CharField(choices=[('ALLOW', 'Allow'), ('SKIP', 'Skip'), ('QUEUE', 'Queue'), ('CANCEL_RUNNING', 'Cancel Running')], db_default='ALLOW', default='ALLOW', max_length=20)),
                ('open_count', models.IntegerField(db_default=0, default=0, help_text='Open executions; kept only where overlap_policy is not ALLOW.')),
                ('queue', models.CharField(db_default='default', default='default', max_length=100)),
                ('retry_policy', models.JSONField(blank=True, db_default={}, default=dict)),
                ('retry_on', models.JSONField(db_default=['FAILED', 'TIMED_OUT', 'LOST'], default=scheduler.models.task.default_retry_on)),
                ('pause_reason', models.TextField(blank=True, null=True)),
                ('paused_until', models.DateTimeField(blank=True, null=True)),
                ('skip_slots', django.contrib.postgres.fields.ArrayField(base_field=models.DateTimeField(), blank=True, help_text='Coming slots that somebody has asked to leave out.', null=True, size=None)),
                ('last_slot_for', models.DateTimeField(blank=True, help_text='The last slot that was recorded.', null=True)),
                ('next_slot_for', models.DateTimeField(blank=True, help_text="The next slot's identity, before jitter.", null=True)),
                ('claim_at', models.DateTimeField(blank=True, help_text='When the claim looks at it; NULL is never.', null=True)),
            ],
            options={
                'db_table': 'scheduler_tasks',
                'indexes': [models.Index(condition=models.Q(('claim_at__isnull', False)), fields=['claim_at', 'id'], name='scheduler_tasks_claim'), models.Index(models.OrderBy(models.F('priority'), descending=True), models.F('claim_at'), condition=models.Q(('claim_at__isnull', False)), name='scheduler_tasks_claim_priority'), models.Index(condition=models.Q(('open_count__gt', 0)), fields=['id'], name='scheduler_tasks_busy'), models.Index(fields=['namespace', '-created_at', 'id'], name='scheduler_tasks_newest'), models.Index(fields=['-created_at', 'id'], name='scheduler_tasks_newest_of_all'), models.Index(django.contrib.postgres.indexes.OpClass(django.db.models.functions.text.Upper('name'), name='text_pattern_ops'), name='scheduler_tasks_name_begins'), models.Index(condition=models.Q(('status', scheduler.engine.states.TaskStatus['PAUSED'])), fields=['paused_until'], name='scheduler_tasks_paused_until')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('status', scheduler.engine.states.TaskStatus['DELETED']), _negated=True), fields=('namespace', 'name'), name='scheduler_tasks_name_once'), models.CheckConstraint(condition=models.Q(('priority__range', (1, 10))), name='scheduler_tasks_priority_1_to_10'), models.CheckConstraint(condition=models.Q(('claim_at__isnull', True), models.Q(('next_slot_for__isnull', False), ('status', scheduler.engine.states.TaskStatus['ACTIVE'])), _connector='OR'), name='scheduler_tasks_claim_only_active')],
            },
        ),
        CreatePartitioned(
            name='Execution',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('start_time', models.DateTimeField(blank=True, null=True)),
                ('end_time', models.DateTimeField(blank=True, null=True)),
                ('status', models.CharField(choices=[('SCHEDULED', 'Scheduled'), ('QUEUED', 'Queued'), ('RUNNING', 'Running'), ('SUCCESS', 'Success'), ('FAILED', 'Failed'), ('TIMED_OUT', 'Timed out'), ('CANCELLED', 'Cancelled'), ('LOST', 'Lost'), ('SKIPPED', 'Skipped')], max_length=50)),
                ('result', models.TextField(blank=True, null=True)),
                ('error_message', models.TextField(blank=True, null=True)),
                ('node_id', models.CharField(blank=True, max_length=100, null=True)),
                ('execution_time_ms', models.BigIntegerField(blank=True, null=True)),
                ('scheduled_for', models.DateTimeField(help_text='The slot.')),
                ('due_at', models.DateTimeField(help_text='The slot with its jitter: lateness counts from here.')),
                ('scheduled_until', models.DateTimeField(blank=True, help_text='Last slot of a range row.', null=True)),
                ('slot_count', models.IntegerField(blank=True, help_text='Slots of a range row.', null=True)),
                ('attempt', models.IntegerField(db_default=1, default=1)),
                ('trigger', models.CharField(choices=[('SCHEDULE', 'Schedule'), ('CATCH_UP', 'Catch up'), ('MANUAL', 'Manual'), ('RETRY', 'Retry'), ('EVENT', 'Event'), ('DEPENDENCY', 'Dependency'), ('BACKFILL', 'Backfill')], max_length=20)),
                ('cause', models.CharField(help_text='What the id was worked out from; attempts share it.', max_length=255)),
                ('reason', models.CharField(blank=True, max_length=255, null=True)),
                ('namespace', models.CharField(max_length=100)),
                ('queue', models.CharField(max_length=100)),
                ('priority', models.IntegerField()),
                ('timeout_seconds', models.IntegerField()),
                ('task_data', models.TextField(blank=True, help_text="Overrides the task's own for this execution.", null=True)),
                ('revision', models.IntegerField(blank=True, help_text="The task's version that ran.", null=True)),
                ('run_id', models.UUIDField(blank=True, null=True)),
                ('queued_at', models.DateTimeField(blank=True, null=True)),
                ('not_before', models.DateTimeField(blank=True, null=True)),
                ('published_at', models.DateTimeField(blank=True, null=True)),
                ('publish_count', models.IntegerField(db_default=0, default=0)),
                ('handed_back_count', models.IntegerField(db_default=0, default=0)),
                ('fence', models.BigIntegerField(blank=True, null=True)),
                ('lease_expires_at', models.DateTimeField(blank=True, null=True)),
                ('cancel_requested_at', models.DateTimeField(blank=True, null=True)),
                ('task', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='executions', to='scheduler.task')),
            ],
            options={
                'db_table': 'task_execution_history',
                'indexes': [models.Index(fields=['task', '-id'], name='history_task'), models.Index(condition=models.Q(('status', scheduler.engine.states.Status['QUEUED'])), fields=['published_at', 'id'], name='history_queued'), models.Index(condition=models.Q(('status', scheduler.engine.states.Status['SCHEDULED'])), fields=['not_before', 'id'], name='history_scheduled'), models.Index(condition=models.Q(('status', scheduler.engine.states.Status['RUNNING'])), fields=['lease_expires_at', 'id'], name='history_running'), models.Index(condition=models.Q(('scheduled_until__isnull', False), ('slot_count__isnull', True)), fields=['id'], name='history_uncounted'), models.Index(condition=models.Q(('status__in', [scheduler.engine.states.Status['QUEUED'], scheduler.engine.states.Status['RUNNING'], scheduler.engine.states.Status['SCHEDULED']])), fields=['task'], name='history_open'), models.Index(condition=models.Q(('status__in', [scheduler.engine.states.Status['CANCELLED'], scheduler.engine.states.Status['FAILED'], scheduler.engine.states.Status['LOST'], scheduler.engine.states.Status['TIMED_OUT']])), fields=['-id'], name='history_troubles')],
            },
        ),
    ]
