"""What a handler may raise, or meet, beside its own errors."""


class PermanentFailure(Exception):
    """Raise this where another attempt cannot help: the execution is FAILED and not retried."""


class ExpectedFailure(Exception):
    """Raise this where what was asked failed and the message says all: FAILED without a traceback, retried as usual."""


class SoftTimeout(BaseException):
    """Raised inside the handler when `timeoutSeconds` have passed; it may clean up for ten more seconds.

    A BaseException, so that a handler's `except Exception` does not swallow it.
    """


class Cancelled(BaseException):
    """Raised inside the handler when somebody has cancelled the execution; it may clean up for ten seconds.

    A BaseException, as SoftTimeout is. A handler that goes on is terminated then, and killed ten seconds later.
    """


class UnknownHandler(LookupError):
    """No handler of that public name is registered in this worker."""


class DuplicateHandler(ValueError):
    """Two handlers claim one public name."""


class InvalidDeclaration(ValueError):
    """A handler declares a schedule that can be no record of a task."""
