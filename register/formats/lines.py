"""Reads bytes as UTF-8 text, a bounded piece at a time, so that memory stays flat whatever the file holds."""

import codecs
from collections.abc import Iterator
from typing import IO

from register.formats.record import MAX_BYTES, MAX_SHOWN, UnreadableFile

CHUNK_BYTES = 64 * 1024

_OTHERS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def lines(stream: IO[bytes]) -> Iterator[str]:
    """Yield the lines with their ends. Raises UnreadableFile for a long one, and for what is not UTF-8."""
    _skip_mark(stream)
    number = 0
    while raw := stream.readline(MAX_BYTES + 1):
        number += 1
        if len(raw) > MAX_BYTES:
            raise UnreadableFile(f"line {number} is longer than {MAX_SHOWN}.")
        try:
            yield raw.decode()
        except UnicodeDecodeError as error:
            raise _not_utf8(number, error) from None


def chunks(stream: IO[bytes]) -> Iterator[str]:
    """Yield the text in pieces that end anywhere. Raises UnreadableFile for what is not UTF-8."""
    _skip_mark(stream)
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, raw = 1, b" "
    while raw:
        raw = stream.read(CHUNK_BYTES)
        try:
            text = decoder.decode(raw, final=not raw)
        except UnicodeDecodeError as error:
            raise _not_utf8(line + error.object[: error.start].count(b"\n"), error) from None
        line += text.count("\n")
        if text:
            yield text


def _skip_mark(stream: IO[bytes]) -> None:
    """Pass over the mark that spreadsheets put before UTF-8; those of other encodings are refused by name."""
    head = stream.read(4)
    if not head:
        raise UnreadableFile("it is empty.")
    for mark, encoding in _OTHERS.items():
        if head.startswith(mark):
            raise UnreadableFile(f"it is {encoding}; save it as UTF-8.")
    stream.seek(len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0)


def _not_utf8(line: int, error: UnicodeDecodeError) -> UnreadableFile:
    byte = error.object[error.start]
    return UnreadableFile(f"line {line}: it is not UTF-8 (byte 0x{byte:02x}); save it as UTF-8.")
