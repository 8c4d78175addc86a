"""Indexes of tables that are written meanwhile; running it again goes on after an interruption."""

import scheduler.engine.states
from django.db import migrations, models

from scheduler.migration_operations import AddIndexConcurrently, AddPartitionedIndex


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('scheduler', '0025_flow'),
    ]

    operations = [
        AddPartitionedIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('reason', scheduler.engine.states.Reason['FLOW']), ('status', scheduler.engine.states.Status['SCHEDULED'])), fields=['held_by', '-priority', 'due_at', 'id'], name='history_flow'),
        ),
        AddIndexConcurrently(
            model_name='task',
            index=models.Index(condition=models.Q(('held_by__isnull', False)), fields=['held_by', 'id'], name='scheduler_tasks_held'),
        ),
    ]
