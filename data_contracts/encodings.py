"""Bytes that are not UTF-8, carried through a reader that takes UTF-8 only, and found again behind it."""

from __future__ import annotations

import codecs
import io
import re
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc

# U+FDD0 is no character: no text that people exchange holds it.
_MARK = "\ufdd0"
_SURROGATE = re.compile("[\udc80-\udcff]")
_MARKED = re.compile(re.escape(_MARK.encode()) + rb"([0-9a-f]{2})")


class Utf8Stream(io.RawIOBase):
    """Reads a binary stream as valid UTF-8: each byte that is none becomes a mark and its two digits.

    `found` tells whether any byte was marked so far; `unmarked` turns the marks back into bytes.
    """

    def __init__(self, raw: IO[bytes]) -> None:
        self.found = False
        self._raw = raw
        self._cut = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """At most `size` bytes; fewer where a character would be cut."""
        wanted = (1 << 20) if size is None or size < 0 else size
        while not self._ready and wanted:
            block = self._raw.read(wanted)
            self._ready = memoryview(self._checked(self._cut + block, final=not block))
            if not block:
                break
        taken, self._ready = self._ready[:wanted], self._ready[wanted:]
        return bytes(taken)

    def _checked(self, block: bytes, final: bool) -> bytes:
        try:
            # The text is thrown away: this only asks, at the speed of memory, whether it is UTF-8.
            _, length = codecs.utf_8_decode(block, "strict", final)
        except UnicodeDecodeError:
            text, length = codecs.utf_8_decode(block, "surrogateescape", final)
            self.found = True
            self._cut = block[length:]
            return _SURROGATE.sub(lambda match: f"{_MARK}{ord(match[0]) - 0xDC00:02x}", text).encode()
        self._cut = block[length:]
        return block[:length]


def unmarked(column: pa.Array) -> pa.Array:
    """A column of bytes with the marks of Utf8Stream turned back into the bytes that they stand for."""
    if not pc.any(pc.match_substring(column, _MARK)).as_py():
        return column
    return pa.array([None if v is None else unmarked_bytes(v) for v in column.to_pylist()], pa.binary())


def unmarked_bytes(value: bytes) -> bytes:
    """The same for one value."""
    return _MARKED.sub(lambda match: bytes.fromhex(match[1].decode()), value)
