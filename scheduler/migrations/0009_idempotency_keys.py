import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler', '0008_calendars_deleted'),
    ]

    operations = [
        migrations.CreateModel(
            name='IdempotencyKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('path', models.TextField()),
                ('key', models.CharField(max_length=255)),
                ('digest', models.BinaryField(help_text='SHA-256 of the method, the query and the body.', max_length=32)),
                ('answer_status', models.SmallIntegerField(blank=True, null=True)),
                ('answer_headers', models.JSONField(blank=True, null=True)),
                ('answer_body', models.BinaryField(blank=True, null=True)),
                ('taken_at', models.DateTimeField(help_text='When the request began that holds it; what tells two of them apart.')),
                ('expires_at', models.DateTimeField()),
                ('token', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='scheduler.apitoken')),
            ],
            options={
                'db_table': 'scheduler_idempotency',
                'indexes': [models.Index(fields=['expires_at'], name='scheduler_idempotency_expires')],
                'constraints': [models.UniqueConstraint(fields=('token', 'path', 'key'), name='scheduler_idempotency_key_once')],
            },
        ),
    ]
