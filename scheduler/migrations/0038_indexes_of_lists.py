"""Indexes of a table that is written meanwhile; running it again goes on after an interruption."""

import scheduler.engine.states
from django.db import migrations, models

from scheduler.migration_operations import AddPartitionedIndex


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('scheduler', '0037_self_audit'),
    ]

    operations = [
        AddPartitionedIndex(
            model_name='execution',
            index=models.Index(fields=['namespace', '-id'], name='history_namespace'),
        ),
        AddPartitionedIndex(
            model_name='execution',
            index=models.Index(fields=['queue', '-id'], name='history_queue'),
        ),
        AddPartitionedIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('node_id__isnull', False)), fields=['node_id', '-id'], name='history_node'),
        ),
        AddPartitionedIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('run_id__isnull', False)), fields=['run_id', '-id'], name='history_run'),
        ),
        AddPartitionedIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('trigger', scheduler.engine.states.Trigger['SCHEDULE']), _negated=True), fields=['trigger', '-id'], name='history_trigger'),
        ),
        AddPartitionedIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('status__in', [scheduler.engine.states.Status['CANCELLED'], scheduler.engine.states.Status['FAILED'], scheduler.engine.states.Status['LOST'], scheduler.engine.states.Status['SKIPPED'], scheduler.engine.states.Status['TIMED_OUT']])), fields=['status', '-id', 'namespace', 'queue', 'trigger', 'node_id', 'task', 'scheduled_for'], name='history_unusual'),
        ),
        AddPartitionedIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('status__in', [scheduler.engine.states.Status['CANCELLED'], scheduler.engine.states.Status['FAILED'], scheduler.engine.states.Status['LOST'], scheduler.engine.states.Status['SKIPPED'], scheduler.engine.states.Status['TIMED_OUT']])), fields=['task', '-id', 'status', 'scheduled_for'], name='history_task_unusual'),
        ),
    ]
