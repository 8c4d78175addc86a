import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler', '0028_sla_index'),
    ]

    operations = [
        migrations.CreateModel(
            name='Change',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('executions', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
                ('changed_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'scheduler_changes',
            },
        ),
        migrations.CreateModel(
            name='Listener',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('until', models.DateTimeField()),
            ],
            options={
                'db_table': 'scheduler_listeners',
            },
        ),
    ]
