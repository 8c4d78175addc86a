"""The audit: who did what, from where, and why. `scheduler.audit` writes it, and nobody changes it."""

from django.db import models

from scheduler.models.choices import Via


class AuditRecord(models.Model):
    """One write. Triggers refuse any change of a row, and its removal before `scheduler.audit.LEAST_KEPT` has passed.

    Of a change of a task's definition only the new `version` is kept: its revisions tell what was before and after.
    Verbs and kinds are those of `AuditVerb` and `AuditKind`; a new one needs no migration.
    """

    id = models.BigAutoField(primary_key=True)
    recorded_at = models.DateTimeField()
    actor = models.CharField(max_length=255)
    via = models.CharField(max_length=20, choices=Via)
    token_id = models.BigIntegerField(null=True, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    verb = models.CharField(max_length=20)
    kind = models.CharField(max_length=20)
    object_id = models.CharField(max_length=255)
    object_name = models.CharField(max_length=255, null=True, blank=True)
    namespace = models.CharField(max_length=100, null=True, blank=True, help_text="NULL is every namespace, or none.")
    version = models.IntegerField(null=True, blank=True, help_text="The version of the definition that this made.")
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)
    reason = models.TextField(null=True, blank=True)

    class Meta:
        db_table = "scheduler_audit"
        verbose_name = "audit record"
        indexes = [
            models.Index(fields=["-recorded_at", "id"], name="scheduler_audit_newest"),
            models.Index(fields=["namespace", "-recorded_at", "id"], name="scheduler_audit_namespace"),
            models.Index(fields=["actor", "-recorded_at", "id"], name="scheduler_audit_actor"),
            models.Index(fields=["object_id", "-recorded_at", "id"], name="scheduler_audit_object"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.kind} {self.object_name or self.object_id}"
