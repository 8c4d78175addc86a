"""What was answered to a request that came with an idempotency key; `scheduler.idempotency` writes it."""

from django.db import models

from scheduler.models.access import ApiToken


class IdempotencyKey(models.Model):
    """One use of a key. Without `answer_status` it is in progress: its request still runs, or its process died."""

    token = models.ForeignKey(ApiToken, on_delete=models.CASCADE, db_index=False, related_name="+")
    path = models.TextField()
    key = models.CharField(max_length=255)
    digest = models.BinaryField(max_length=32, help_text="SHA-256 of the method, the query and the body.")
    answer_status = models.SmallIntegerField(null=True, blank=True)
    answer_headers = models.JSONField(null=True, blank=True)
    answer_body = models.BinaryField(null=True, blank=True)
    taken_at = models.DateTimeField(help_text="When the request began that holds it; what tells two of them apart.")
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "scheduler_idempotency"
        constraints = [
            models.UniqueConstraint(fields=["token", "path", "key"], name="scheduler_idempotency_key_once"),
        ]
        indexes = [models.Index(fields=["expires_at"], name="scheduler_idempotency_expires")]

    def __str__(self) -> str:
        return self.key
