import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler', '0026_indexes_of_flow'),
    ]

    operations = [
        migrations.CreateModel(
            name='Breach',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('namespace', models.CharField(max_length=100)),
                ('cause', models.CharField(help_text='What the attempts at the slot share.', max_length=255)),
                ('promise', models.CharField(choices=[('LATENESS', 'Lateness'), ('DURATION', 'Duration'), ('DEADLINE', 'Deadline')], max_length=10)),
                ('execution_id', models.UUIDField(help_text='The attempt that broke it, of lateness and deadline the first.')),
                ('scheduled_for', models.DateTimeField(help_text='The slot.')),
                ('broken_at', models.DateTimeField(help_text='The instant that it was to be kept by.')),
                ('detected_at', models.DateTimeField()),
                ('task', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='scheduler.task')),
            ],
            options={
                'verbose_name': 'SLA breach',
                'verbose_name_plural': 'SLA breaches',
                'db_table': 'scheduler_sla_breaches',
                'indexes': [
                    models.Index(fields=['task', '-id'], name='scheduler_sla_breach_task'),
                    models.Index(fields=['namespace', '-id'], name='scheduler_sla_breach_ns'),
                    models.Index(fields=['detected_at'], name='scheduler_sla_breach_age'),
                ],
                'constraints': [models.UniqueConstraint(fields=('task', 'cause', 'promise'), name='scheduler_sla_breach_once')],
            },
        ),
        migrations.CreateModel(
            name='SlaRollUp',
            fields=[
                ('pk', models.CompositePrimaryKey('task_id', 'day', blank=True, editable=False, primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('namespace', models.CharField(max_length=100)),
                ('slots', models.BigIntegerField(db_default=0, default=0)),
                ('broken', models.BigIntegerField(db_default=0, default=0, help_text='Slots that broke any promise.')),
                ('lateness', models.BigIntegerField(db_default=0, default=0, help_text='Slots that broke this one.')),
                ('duration', models.BigIntegerField(db_default=0, default=0, help_text='Slots that broke this one.')),
                ('deadline', models.BigIntegerField(db_default=0, default=0, help_text='Slots that broke this one.')),
                ('task', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='scheduler.task')),
            ],
            options={
                'db_table': 'scheduler_sla_rollups',
                'indexes': [models.Index(fields=['day', 'namespace'], name='scheduler_sla_rollups_day')],
            },
        ),
        migrations.AddField(
            model_name='execution',
            name='sla',
            field=models.JSONField(blank=True, help_text='Its SLA as its task had it, and what of it is broken.', null=True),
        ),
        migrations.AddField(
            model_name='execution',
            name='sla_look_at',
            field=models.DateTimeField(blank=True, help_text='When the sweep looks whether it is kept.', null=True),
        ),
        migrations.AddField(
            model_name='task',
            name='sla',
            field=models.JSONField(blank=True, help_text='What it promises of its slots (scheduler.engine.sla).', null=True),
        ),
    ]
