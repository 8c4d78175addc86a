"""Forecasts: slots times expected duration of the hours to come. Only `scheduler.forecasts` writes them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models


class ForecastRun(models.Model):
    """One walk over all tasks: it goes on behind `position`, and is shown once it is finished."""

    begin = models.DateTimeField(help_text="The hour that it begins with.")
    started_at = models.DateTimeField()
    position = models.UUIDField(null=True, blank=True, help_text="The last task that was counted.")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "scheduler_forecast_runs"

    def __str__(self) -> str:
        return f"{self.begin} {self.pk}"


class Forecast(models.Model):
    """What one hour brings to a queue from a namespace, or from all (`namespace` empty)."""

    pk = models.CompositePrimaryKey("run_id", "namespace", "queue", "hour")
    run = models.ForeignKey(
        ForecastRun, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    namespace = models.CharField(max_length=100)
    queue = models.CharField(max_length=100)
    hour = models.DateTimeField()
    slots = models.BigIntegerField()
    unknown_slots = models.BigIntegerField(help_text="Of tasks that have never run: they add nothing to busy_ms.")
    busy_ms = models.FloatField(help_text="The time that all of them are expected to take.")

    class Meta:
        db_table = "scheduler_forecasts"

    def __str__(self) -> str:
        return f"{self.hour} {self.queue} {self.namespace}"


class ForecastDay(models.Model):
    """What each minute of the day that follows brings to a queue, in ms of work (`scheduler.engine.flex.DayLoad`)."""

    pk = models.CompositePrimaryKey("run_id", "queue")
    run = models.ForeignKey(
        ForecastRun, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    queue = models.CharField(max_length=100)
    level = ArrayField(models.FloatField(), help_text="All of it; what has a window is spread evenly over that.")
    moving = ArrayField(models.FloatField(), help_text="What has a window, at the minutes of its slots.")

    class Meta:
        db_table = "scheduler_forecast_days"

    def __str__(self) -> str:
        return f"{self.run_id} {self.queue}"
