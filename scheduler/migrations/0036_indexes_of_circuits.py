"""Indexes of tables that are written meanwhile; running it again goes on after an interruption."""

import django.contrib.postgres.indexes
import scheduler.engine.states
from django.db import migrations, models

from scheduler.migration_operations import AddIndexConcurrently, AddPartitionedIndex


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('scheduler', '0035_circuits'),
    ]

    operations = [
        AddPartitionedIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('reason__in', [scheduler.engine.states.Reason['CIRCUIT'], scheduler.engine.states.Reason['FLOW'], scheduler.engine.states.Reason['THROTTLE']]), ('status', scheduler.engine.states.Status['SCHEDULED'])), fields=['held_by', '-priority', 'due_at', 'id'], name='history_gated'),
        ),
        AddIndexConcurrently(
            model_name='task',
            index=django.contrib.postgres.indexes.GinIndex(condition=models.Q(('uses', []), _negated=True), fields=['uses'], name='scheduler_tasks_using'),
        ),
    ]
