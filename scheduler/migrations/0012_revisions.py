"""Revisions and the audit: tables of their own, whose rows the database itself keeps as they are."""

import django.db.models.deletion
from django.db import migrations, models

# The one removal that is left is that of old records, whoever asks for it.
KEPT_AS_THEY_ARE = """
CREATE FUNCTION scheduler_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: its rows are neither changed nor removed.', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE FUNCTION scheduler_refuse_removal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.recorded_at < clock_timestamp() - interval '90 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only: no row is removed before 90 days have passed.', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON scheduler_revisions
    FOR EACH ROW EXECUTE FUNCTION scheduler_refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON scheduler_calendar_revisions
    FOR EACH ROW EXECUTE FUNCTION scheduler_refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE ON scheduler_audit
    FOR EACH ROW EXECUTE FUNCTION scheduler_refuse_change();
CREATE TRIGGER kept_for_90_days BEFORE DELETE ON scheduler_audit
    FOR EACH ROW EXECUTE FUNCTION scheduler_refuse_removal();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler', '0011_durations'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditRecord',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('recorded_at', models.DateTimeField()),
                ('actor', models.CharField(max_length=255)),
                ('via', models.CharField(choices=[('API', 'Api'), ('CONSOLE', 'Console'), ('COMMAND', 'Command'), ('PLATFORM', 'Platform')], max_length=20)),
                ('token_id', models.BigIntegerField(blank=True, null=True)),
                ('address', models.GenericIPAddressField(blank=True, null=True)),
                ('verb', models.CharField(max_length=20)),
                ('kind', models.CharField(max_length=20)),
                ('object_id', models.CharField(max_length=255)),
                ('object_name', models.CharField(blank=True, max_length=255, null=True)),
                ('namespace', models.CharField(blank=True, help_text='NULL is every namespace, or none.', max_length=100, null=True)),
                ('version', models.IntegerField(blank=True, help_text='The version of the definition that this made.', null=True)),
                ('before', models.JSONField(blank=True, null=True)),
                ('after', models.JSONField(blank=True, null=True)),
                ('reason', models.TextField(blank=True, null=True)),
            ],
            options={
                'verbose_name': 'audit record',
                'db_table': 'scheduler_audit',
                'indexes': [models.Index(fields=['-recorded_at', 'id'], name='scheduler_audit_newest'), models.Index(fields=['namespace', '-recorded_at', 'id'], name='scheduler_audit_namespace'), models.Index(fields=['actor', '-recorded_at', 'id'], name='scheduler_audit_actor'), models.Index(fields=['object_id', '-recorded_at', 'id'], name='scheduler_audit_object')],
            },
        ),
        migrations.CreateModel(
            name='CalendarRevision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.IntegerField()),
                ('rules', models.JSONField()),
                ('created_at', models.DateTimeField()),
                ('created_by', models.CharField(blank=True, help_text='NULL is not known any more.', max_length=255, null=True)),
                ('reason', models.TextField(blank=True, null=True)),
                ('calendar', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='revisions', to='scheduler.calendar')),
            ],
            options={
                'db_table': 'scheduler_calendar_revisions',
                'constraints': [models.UniqueConstraint(fields=('calendar', 'version'), name='scheduler_calendar_revisions_once')],
            },
        ),
        migrations.CreateModel(
            name='Revision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.IntegerField()),
                ('definition', models.JSONField(help_text='The columns of the definition by their names.')),
                ('created_at', models.DateTimeField()),
                ('created_by', models.CharField(blank=True, help_text='NULL is not known any more.', max_length=255, null=True)),
                ('reason', models.TextField(blank=True, null=True)),
                ('restored_from', models.IntegerField(blank=True, help_text='The version whose definition came back.', null=True)),
                ('task', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='revisions', to='scheduler.task')),
            ],
            options={
                'db_table': 'scheduler_revisions',
                'constraints': [models.UniqueConstraint(fields=('task', 'version'), name='scheduler_revisions_once')],
            },
        ),
        migrations.RunSQL(KEPT_AS_THEY_ARE, "DROP FUNCTION scheduler_refuse_change, scheduler_refuse_removal CASCADE"),
    ]
