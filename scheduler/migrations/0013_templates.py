import django.db.models.deletion
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler', '0012_revisions'),
    ]

    operations = [
        migrations.CreateModel(
            name='Template',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('namespace', models.CharField(blank=True, help_text='The one namespace that may use it; NULL is shared by all.', max_length=100, null=True)),
                ('description', models.TextField(blank=True, null=True)),
                ('parameters', models.JSONField()),
                ('definition', models.JSONField()),
                ('version', models.IntegerField(db_default=1, default=1)),
                ('created_at', models.DateTimeField()),
                ('created_by', models.CharField(blank=True, max_length=255, null=True)),
                ('updated_at', models.DateTimeField()),
                ('deleted_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'db_table': 'scheduler_templates',
                'constraints': [models.UniqueConstraint(condition=models.Q(('deleted_at__isnull', True)), fields=('namespace', 'name'), name='scheduler_templates_name_once', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='Instance',
            fields=[
                ('task', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name='+', serialize=False, to='scheduler.task')),
                ('version', models.IntegerField()),
                ('values', models.JSONField()),
                ('template', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='instances', to='scheduler.template')),
            ],
            options={
                'db_table': 'scheduler_instances',
                'indexes': [models.Index(fields=['template', 'task'], name='scheduler_instances_template')],
            },
        ),
        migrations.CreateModel(
            name='TemplateRevision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.IntegerField()),
                ('parameters', models.JSONField()),
                ('definition', models.JSONField()),
                ('created_at', models.DateTimeField()),
                ('created_by', models.CharField(max_length=255)),
                ('reason', models.TextField(blank=True, null=True)),
                ('template', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='revisions', to='scheduler.template')),
            ],
            options={
                'db_table': 'scheduler_template_revisions',
                'constraints': [models.UniqueConstraint(fields=('template', 'version'), name='scheduler_template_revisions_once')],
            },
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON scheduler_template_revisions
                FOR EACH ROW EXECUTE FUNCTION scheduler_refuse_change()
            """,
            migrations.RunSQL.noop,
        ),
        # Last: it locks the tasks until the migration commits.
        migrations.AddField(
            model_name='task',
            name='template_name',
            field=models.CharField(blank=True, help_text='The template that it was made of, which keeps its name.', max_length=100, null=True),
        ),
    ]
