"""The one error with which a start is refused."""


class CannotStart(Exception):
    """Nothing can be started as things are; the message is one line that says what to do."""
