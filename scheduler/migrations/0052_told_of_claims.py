"""Nodes that wait hear of a task that is to be looked at earlier, from whoever writes it; claims themselves tell nothing."""

from django.db import migrations

TELL = """
CREATE FUNCTION scheduler_claims_tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM pg_notify('scheduler_claims', '');
    RETURN NULL;
END $$;
CREATE TRIGGER scheduler_tasks_told AFTER INSERT OR UPDATE OF claim_at ON scheduler_tasks FOR EACH STATEMENT
    WHEN (current_setting('application_name') NOT IN ('platform-scheduler claim', 'platform-scheduler assist'))
    EXECUTE FUNCTION scheduler_claims_tell();
"""

TELL_NOT = """
DROP TRIGGER scheduler_tasks_told ON scheduler_tasks;
DROP FUNCTION scheduler_claims_tell();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler', '0051_history_within_namespace'),
    ]

    operations = [migrations.RunSQL(TELL, TELL_NOT)]
