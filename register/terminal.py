"""Texts as a terminal may show them: they may come from anybody's file."""


def one_line(text: str) -> str:
    """Return the text without what would end the line or move the cursor."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text.rstrip())
