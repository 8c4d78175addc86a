"""The index that a backlog is claimed by: inside a priority by namespace, each from its oldest on."""

from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations, models

from scheduler.migration_operations import AddIndexConcurrently


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('scheduler', '0005_limits_and_namespaces'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='task',
            index=models.Index(condition=models.Q(('claim_at__isnull', False)), fields=['priority', 'namespace', 'claim_at'], name='scheduler_tasks_claim_order'),
        ),
        RemoveIndexConcurrently(model_name='task', name='scheduler_tasks_claim_priority'),
    ]
