from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler', '0004_indexes_of_calendars_and_backfills'),
    ]

    operations = [
        migrations.CreateModel(
            name='Permit',
            fields=[
                ('key', models.CharField(max_length=300, primary_key=True, serialize=False)),
                ('capacity', models.IntegerField()),
                ('used', models.IntegerField(db_default=0, default=0)),
            ],
            options={
                'db_table': 'scheduler_permits',
            },
        ),
        migrations.AddField(
            model_name='task',
            name='auto_pause_after_failures',
            field=models.IntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='task',
            name='failed_slot_count',
            field=models.IntegerField(db_default=0, default=0, help_text='Slots that failed in a row.'),
        ),
        migrations.AddField(
            model_name='task',
            name='max_concurrency',
            field=models.IntegerField(blank=True, help_text='Its executions QUEUED or RUNNING at once; NULL is any number.', null=True),
        ),
        migrations.CreateModel(
            name='Namespace',
            fields=[
                ('name', models.CharField(max_length=100, primary_key=True, serialize=False)),
                ('weight', models.IntegerField(db_default=1, default=1, help_text='Its share of a backlog, relative to others.')),
            ],
            options={
                'db_table': 'scheduler_namespaces',
                'constraints': [models.CheckConstraint(condition=models.Q(('weight__range', (1, 100))), name='scheduler_namespaces_weight')],
            },
        ),
    ]
