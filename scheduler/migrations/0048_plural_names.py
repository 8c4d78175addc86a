"""Names for people: tokens, and deliveries by their plural."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler', '0047_fewer_indexes_of_tasks'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='apitoken',
            options={'verbose_name': 'token'},
        ),
        migrations.AlterModelOptions(
            name='delivery',
            options={'verbose_name_plural': 'deliveries'},
        ),
    ]
