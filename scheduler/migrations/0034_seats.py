"""Seats of the console, and a permission of its own for operating tasks: a new table, and no other is touched."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("scheduler", "0033_flex"),
    ]

    operations = [
        migrations.CreateModel(
            name="Seat",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("viewer", "Viewer"),
                            ("operator", "Operator"),
                            ("editor", "Editor"),
                            ("admin", "Admin"),
                        ],
                        help_text="Each role may do what those before it may; what, the API says.",
                        max_length=20,
                    ),
                ),
                (
                    "namespace",
                    models.CharField(
                        blank=True,
                        help_text="The only namespace that is seen; empty is every one.",
                        max_length=100,
                        null=True,
                    ),
                ),
            ],
            options={
                "db_table": "scheduler_seats",
            },
        ),
        migrations.AlterModelOptions(
            name="task",
            options={"permissions": [("operate_task", "Can run, pause, resume and skip slots of tasks")]},
        ),
    ]
