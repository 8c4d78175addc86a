"""Indexes that nothing reads any more: lists are read beside the hot table, where others hold what two of these do."""

from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('scheduler', '0046_search_filled_at_once'),
    ]

    operations = [
        RemoveIndexConcurrently('task', 'scheduler_tasks_newest'),
        RemoveIndexConcurrently('task', 'scheduler_tasks_newest_of_all'),
        RemoveIndexConcurrently('task', 'scheduler_tasks_name_begins'),
        RemoveIndexConcurrently('tasksearch', 'scheduler_task_search_class'),
        RemoveIndexConcurrently('tasksearch', 'scheduler_search_status'),
    ]
