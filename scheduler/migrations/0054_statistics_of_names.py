"""Of names five hundred are known to the planner, where a hundred said of one in a hundred that there was none, or three.

By what it expects a list goes through the newest or sorts all that match, and a total is counted or estimated. It counts
from the next ANALYZE on, which autovacuum does.
"""

from django.db import migrations

KNOWN = "ALTER TABLE scheduler_task_search ALTER COLUMN name SET STATISTICS 500"
AS_USUAL = "ALTER TABLE scheduler_task_search ALTER COLUMN name SET STATISTICS -1"


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler', '0053_index_of_backfills'),
    ]

    operations = [migrations.RunSQL(KNOWN, AS_USUAL)]
