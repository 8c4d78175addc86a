import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler', '0014_rollups'),
    ]

    operations = [
        migrations.CreateModel(
            name='UpstreamEnd',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('task_id', models.UUIDField()),
                ('run_id', models.UUIDField(db_index=True)),
                ('scheduled_for', models.DateTimeField()),
            ],
            options={
                'db_table': 'scheduler_upstream_ends',
            },
        ),
        migrations.AddField(
            model_name='task',
            name='dependency_mode',
            field=models.CharField(choices=[('ALL', 'All'), ('ANY', 'Any')], db_default='ALL', default='ALL', max_length=20),
        ),
        migrations.AddField(
            model_name='task',
            name='has_dependencies',
            field=models.BooleanField(db_default=False, default=False, help_text='Its own slots wait for what other tasks come to.'),
        ),
        migrations.AddField(
            model_name='task',
            name='has_dependents',
            field=models.BooleanField(db_default=False, default=False, help_text='Other tasks wait for what its slots come to.'),
        ),
        migrations.CreateModel(
            name='Dependency',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('condition', models.CharField(choices=[('SUCCESS', 'Success'), ('FAILURE', 'Failure'), ('DONE', 'Done')], max_length=20)),
                ('position', models.IntegerField(help_text='Its place in the list that was given.')),
                ('task', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='dependencies', to='scheduler.task')),
                ('upstream', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='dependents', to='scheduler.task')),
            ],
            options={
                'db_table': 'scheduler_dependencies',
                'ordering': ['position'],
                'constraints': [models.UniqueConstraint(fields=('task', 'upstream'), name='scheduler_dependencies_once')],
            },
        ),
    ]
