import uuid

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler', '0018_node_ended'),
    ]

    operations = [
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=255)),
                ('namespace', models.CharField(blank=True, help_text='Whose tasks hear of it; NULL is every namespace.', max_length=100, null=True)),
                ('payload', models.TextField(help_text='A JSON object, as text.')),
                ('received_at', models.DateTimeField()),
                ('created_by', models.CharField(blank=True, max_length=100, null=True)),
                ('position', models.UUIDField(blank=True, null=True)),
                ('started_count', models.IntegerField(db_default=0, default=0)),
                ('skipped_count', models.IntegerField(db_default=0, default=0)),
                ('failed_count', models.IntegerField(db_default=0, default=0)),
                ('completed_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'db_table': 'scheduler_events',
                'indexes': [
                    models.Index(condition=models.Q(('completed_at__isnull', True)), fields=['id'], name='scheduler_events_open'),
                    models.Index(fields=['-received_at', 'id'], name='scheduler_events_newest'),
                    models.Index(fields=['namespace', '-received_at', 'id'], name='scheduler_events_namespace'),
                ],
            },
        ),
        migrations.AddField(
            model_name='task',
            name='listens_to',
            field=models.JSONField(blank=True, db_default=[], default=list, help_text='Events that start it: [{event, match}].'),
        ),
    ]
