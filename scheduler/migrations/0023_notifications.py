from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler', '0022_webhooks'),
    ]

    operations = [
        migrations.CreateModel(
            name='Channel',
            fields=[
                ('key', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('namespace', models.CharField(max_length=100)),
                ('channel', models.JSONField()),
                ('next_at', models.DateTimeField(blank=True, null=True)),
                ('last_sent_at', models.DateTimeField(blank=True, null=True)),
                ('attempt_count', models.IntegerField(db_default=0, default=0, help_text='Tells tries apart.')),
                ('failure_count', models.IntegerField(db_default=0, default=0, help_text='Tries that failed in a row.')),
                ('last_error', models.TextField(blank=True, null=True)),
            ],
            options={
                'db_table': 'scheduler_channels',
                'indexes': [models.Index(condition=models.Q(('next_at__isnull', False)), fields=['next_at'], name='scheduler_channels_due')],
            },
        ),
        migrations.CreateModel(
            name='FailingTask',
            fields=[
                ('task_id', models.UUIDField(primary_key=True, serialize=False)),
                ('failed_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'scheduler_failing_tasks',
            },
        ),
        migrations.CreateModel(
            name='Notice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel_key', models.CharField(max_length=64)),
                ('subject', models.CharField(max_length=100)),
                ('occasion', models.CharField(max_length=20)),
                ('task_id', models.CharField(max_length=36)),
                ('task_name', models.CharField(max_length=255)),
                ('happened_at', models.DateTimeField()),
                ('text', models.TextField(blank=True)),
            ],
            options={
                'db_table': 'scheduler_notices',
                'constraints': [models.UniqueConstraint(fields=('channel_key', 'subject'), name='scheduler_notices_once')],
            },
        ),
        migrations.AddField(
            model_name='task',
            name='notify_on',
            field=models.JSONField(blank=True, help_text="Who is notified of what; NULL is the namespace's channel, on failure.", null=True),
        ),
    ]
