from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler', '0007_batches'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='calendar',
            name='scheduler_calendars_name_once',
        ),
        migrations.AddField(
            model_name='calendar',
            name='deleted_at',
            field=models.DateTimeField(blank=True, help_text='The row stays: deleted tasks show by it what they were.', null=True),
        ),
        migrations.AddConstraint(
            model_name='calendar',
            constraint=models.UniqueConstraint(condition=models.Q(('deleted_at__isnull', True)), fields=('namespace', 'name'), name='scheduler_calendars_name_once', nulls_distinct=False),
        ),
    ]
