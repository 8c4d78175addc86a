"""API tokens, stored hashed. `register.access` writes them, `scheduler.tokens` reads them."""

from django.db import models
from django.db.models.functions import Now

from scheduler.models.choices import Role


class ApiToken(models.Model):
    name = models.CharField(max_length=255)
    secret_hash = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the 256-bit random secret.")
    role = models.CharField(max_length=20, choices=Role)
    namespace = models.CharField(max_length=100, null=True, blank=True, help_text="NULL is every namespace.")
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_write_at = models.DateTimeField(
        null=True, blank=True, help_text="Its reads go to the primary for a while from here."
    )

    class Meta:
        db_table = "scheduler_tokens"

    def __str__(self) -> str:
        return self.name
