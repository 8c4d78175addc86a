"""Whether a period was ever backfilled is asked by lists, whatever else there is among the operations."""

from django.db import migrations, models

from scheduler.migration_operations import AddIndexConcurrently


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('scheduler', '0052_told_of_claims'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='operation',
            index=models.Index(condition=models.Q(('kind', 'BACKFILL')), fields=['created_at'], name='scheduler_operations_backfills'),
        ),
    ]
