"""Seals what is kept for a while and holds a secret, so that whoever reads the database does not read it.

The key is worked out from SECRET_KEY, which every process has and the database does not.
"""

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

_PURPOSE = b"answers kept under an Idempotency-Key"


def seal(plain: bytes) -> bytes:
    """Return the bytes encrypted and signed (Fernet: AES-128-CBC with HMAC-SHA256)."""
    return _fernet().encrypt(plain)


def unseal(sealed: bytes) -> bytes | None:
    """Return what was sealed; None where it was sealed under another SECRET_KEY, or is no seal of ours."""
    try:
        return _fernet().decrypt(sealed)
    except InvalidToken:
        return None


def _fernet() -> Fernet:
    key = hmac.digest(settings.SECRET_KEY.encode(), _PURPOSE, hashlib.sha256)
    return Fernet(base64.urlsafe_b64encode(key))
