"""What a handler may raise, or meet, beside its own errors."""


class PermanentFailure(Exception):
    """Raise this where another attempt cannot help: the execution is FAILED and not retried."""


class SoftTimeout(BaseException):
    """Raised inside the handler when `timeoutSeconds` have passed; it may clean up for ten more seconds.

    A BaseException, so that a handler's `except Exception` does not swallow it.
    """


class UnknownHandler(LookupError):
    """No handler of that public name is registered in this worker."""


class DuplicateHandler(ValueError):
    """Two handlers claim one public name."""
