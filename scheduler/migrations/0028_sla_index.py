"""An index of a table that is written meanwhile; running it again goes on after an interruption."""

from django.db import migrations, models

from scheduler.migration_operations import AddPartitionedIndex


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('scheduler', '0027_sla'),
    ]

    operations = [
        AddPartitionedIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('sla_look_at__isnull', False)), fields=['sla_look_at', 'id'], name='history_sla'),
        ),
    ]
