"""An index of a table that is written meanwhile; running it again goes on after an interruption."""

from django.db import migrations, models

from scheduler.migration_operations import AddIndexConcurrently


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('scheduler', '0023_notifications'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='task',
            index=models.Index(condition=models.Q(('notify_on__isnull', False)), fields=['id'], name='scheduler_tasks_notifying'),
        ),
    ]
