"""Texts as a terminal may show them: they may come from anybody's file."""


def stopped(error: Exception) -> str:
    """Return what is said of a run that the database, or the platform, has stopped."""
    return f"Stopped: {one_line(str(error) or str(error.__doc__)).rstrip('.')}. Run it again."


def one_line(text: str) -> str:
    """Return the text without what would end the line or move the cursor."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text.rstrip())
