"""What keeps a backup from being made, believed or brought back."""


class RecoveryError(Exception):
    """Something stands in the way; the message says what, and what to do."""


class BackupDamaged(RecoveryError):
    """A backup is not what it was when it was made."""


class RestoreRefused(RecoveryError):
    """Restoring now, or here, would do harm."""
