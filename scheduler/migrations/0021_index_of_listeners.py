"""An index of a table that is written meanwhile; running it again goes on after an interruption."""

from django.contrib.postgres.indexes import GinIndex
from django.db import migrations, models

from scheduler.migration_operations import AddIndexConcurrently


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('scheduler', '0020_events'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='task',
            index=GinIndex(condition=models.Q(('listens_to', []), _negated=True), fields=['listens_to'], name='scheduler_tasks_listening', opclasses=['jsonb_path_ops']),
        ),
    ]
