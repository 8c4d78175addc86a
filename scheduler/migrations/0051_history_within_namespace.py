"""An index of a table that is written meanwhile, instead of another; running it again goes on after an interruption."""

from django.db import migrations, models

from scheduler.migration_operations import AddPartitionedIndex, RemovePartitionedIndex


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('scheduler', '0050_last_runs_so_far'),
    ]

    operations = [
        AddPartitionedIndex(
            model_name='execution',
            index=models.Index(fields=['namespace', '-id'], include=('queue', 'node_id'), name='history_within_namespace'),
        ),
        RemovePartitionedIndex(model_name='execution', name='history_namespace'),
    ]
