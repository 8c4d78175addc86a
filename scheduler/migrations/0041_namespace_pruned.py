from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler', '0040_indexes_of_search'),
    ]

    operations = [
        migrations.AddField('namespace', 'pruned_until', models.DateTimeField(blank=True, help_text='What began before has been removed, or some.', null=True)),
    ]
