import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler', '0009_idempotency_keys'),
    ]

    operations = [
        migrations.AddField(
            model_name='namespace',
            name='created_at',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
        migrations.AddField(
            model_name='namespace',
            name='created_by',
            field=models.CharField(blank=True, max_length=100, null=True),
        ),
        migrations.AddField(
            model_name='namespace',
            name='description',
            field=models.TextField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='namespace',
            name='notify_channel',
            field=models.JSONField(blank=True, help_text='Where failures of its tasks are told.', null=True),
        ),
        migrations.AddField(
            model_name='namespace',
            name='retention_days',
            field=models.IntegerField(blank=True, help_text='How long its history is kept.', null=True),
        ),
        migrations.AddField(
            model_name='namespace',
            name='secret_names',
            field=models.JSONField(db_default=[], default=list, help_text='Secrets that its tasks may name; without any, SECRET_NAMES says.'),
        ),
        migrations.AddField(
            model_name='namespace',
            name='updated_at',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
        migrations.AddField(
            model_name='namespace',
            name='version',
            field=models.IntegerField(db_default=1, default=1),
        ),
    ]
