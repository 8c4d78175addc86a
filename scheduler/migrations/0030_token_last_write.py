from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler', '0029_changes'),
    ]

    operations = [
        migrations.AddField(
            model_name='apitoken',
            name='last_write_at',
            field=models.DateTimeField(blank=True, help_text='Its reads go to the primary for a while from here.', null=True),
        ),
    ]
