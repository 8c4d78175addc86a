import django.db.models.deletion
from django.db import migrations, models

COLUMNS = ("slots", "broken", "lateness", "duration", "deadline")
SUMS = ", ".join(f"sum({name})" for name in COLUMNS)
ADDED = ", ".join(f"{name} = w.{name} + excluded.{name}" for name in COLUMNS)
MORE = ", ".join(f"NEW.{name} - CASE WHEN TG_OP = 'UPDATE' THEN OLD.{name} ELSE 0 END" for name in COLUMNS)

# Whatever is forgotten by days is forgotten by weeks as well, once they are as old.
FOLLOW = f"""
CREATE FUNCTION scheduler_sla_weeks_follow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO scheduler_sla_weeks AS w (task_id, week, namespace, {", ".join(COLUMNS)})
    VALUES (NEW.task_id, date_trunc('week', NEW.day::timestamp)::date, NEW.namespace, {MORE})
    ON CONFLICT (task_id, week) DO UPDATE SET {ADDED};
    RETURN NULL;
END $$;
CREATE TRIGGER scheduler_sla_weeks_follow AFTER INSERT OR UPDATE ON scheduler_sla_rollups
    FOR EACH ROW EXECUTE FUNCTION scheduler_sla_weeks_follow();
"""
# In the transaction that has made the trigger, whose lock keeps other counts out until then.
FILL = f"""
INSERT INTO scheduler_sla_weeks (task_id, week, namespace, {", ".join(COLUMNS)})
SELECT task_id, date_trunc('week', day::timestamp)::date AS week, min(namespace), {SUMS}
FROM scheduler_sla_rollups GROUP BY task_id, week
"""
UNFOLLOW = """
DROP TRIGGER scheduler_sla_weeks_follow ON scheduler_sla_rollups;
DROP FUNCTION scheduler_sla_weeks_follow();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler', '0041_namespace_pruned'),
    ]

    operations = [
        migrations.CreateModel(
            name='SlaWeek',
            fields=[
                ('slots', models.BigIntegerField(db_default=0, default=0)),
                ('broken', models.BigIntegerField(db_default=0, default=0, help_text='Slots that broke any promise.')),
                ('lateness', models.BigIntegerField(db_default=0, default=0, help_text='Slots that broke this one.')),
                ('duration', models.BigIntegerField(db_default=0, default=0, help_text='Slots that broke this one.')),
                ('deadline', models.BigIntegerField(db_default=0, default=0, help_text='Slots that broke this one.')),
                ('pk', models.CompositePrimaryKey('task_id', 'week', blank=True, editable=False, primary_key=True, serialize=False)),
                ('week', models.DateField(help_text='Its Monday.')),
                ('namespace', models.CharField(max_length=100)),
                ('task', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='scheduler.task')),
            ],
            options={
                'db_table': 'scheduler_sla_weeks',
                'indexes': [models.Index(fields=['week'], name='scheduler_sla_weeks_week')],
            },
        ),
        migrations.RunSQL(FOLLOW, UNFOLLOW),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
