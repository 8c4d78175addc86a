"""When a task ran last, beside the hot table; what is there is taken over, some at a time, in the next migration."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler', '0048_plural_names'),
    ]

    operations = [
        migrations.CreateModel(
            name='LastRun',
            fields=[
                ('task', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name='last_run', serialize=False, to='scheduler.task')),
                ('began_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'scheduler_last_runs',
                'indexes': [models.Index(fields=['began_at', 'task'], name='scheduler_last_runs_oldest')],
            },
        ),
    ]
