import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler', '0015_dependencies'),
    ]

    operations = [
        migrations.AlterField(
            model_name='operation',
            name='kind',
            field=models.CharField(choices=[('BACKFILL', 'Backfill'), ('BULK_ACTION', 'Bulk Action')], max_length=40),
        ),
        migrations.CreateModel(
            name='OperationItem',
            fields=[
                ('pk', models.CompositePrimaryKey('operation_id', 'number', blank=True, editable=False, primary_key=True, serialize=False)),
                ('number', models.IntegerField()),
                ('item_id', models.UUIDField()),
                ('operation', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='items', to='scheduler.operation')),
            ],
            options={
                'db_table': 'scheduler_operation_items',
            },
        ),
    ]
