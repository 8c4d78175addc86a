"""Indexes of tables that are written meanwhile; running it again goes on after an interruption."""

import scheduler.engine.states
from django.db import migrations, models

from scheduler.migration_operations import AddIndexConcurrently, AddPartitionedIndex


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('scheduler', '0003_calendars_and_operations'),
    ]

    operations = [
        AddPartitionedIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('cause__startswith', 'backfill:')), fields=['task', 'scheduled_for'], name='history_backfills'),
        ),
        AddIndexConcurrently(
            model_name='task',
            index=models.Index(condition=models.Q(('calendar__isnull', False)), fields=['calendar', 'calendar_version', 'id'], name='scheduler_tasks_calendar'),
        ),
        AddIndexConcurrently(
            model_name='task',
            index=models.Index(condition=models.Q(('interval_mode', 'FIXED_DELAY'), ('next_slot_for__isnull', True), ('status', scheduler.engine.states.TaskStatus['ACTIVE'])), fields=['id'], name='scheduler_tasks_awaiting_end'),
        ),
    ]
