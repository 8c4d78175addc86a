"""Text as PostgreSQL takes it, cut to a size."""

CUT = "\n… cut …\n"


def storable(text: str, limit: int) -> str:
    """Return `text` without NUL and lone surrogates; its head and its tail where it is longer than `limit` bytes."""
    text = text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    encoded = text.encode()
    if len(encoded) <= limit:
        return text
    half = (limit - len(CUT.encode())) // 2
    return encoded[:half].decode("utf-8", "ignore") + CUT + encoded[-half:].decode("utf-8", "ignore")
