"""Makes the three standard streams safe to use, whatever the caller connected them to.

A caller may close one (`>&-`), fill the disk behind it, leave a pipe, or set a character set that lacks half of the
text. Losing data on stdout is an error that the exit code shows; losing a message on stderr must not stop a scan.
"""

from __future__ import annotations

import io
import os
import select
import sys
from typing import TYPE_CHECKING, BinaryIO, TextIO, cast

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_STDIN, _STDOUT, _STDERR = range(3)
_BUFFER_BYTES = 1 << 16  # `jsonl:-` writes a whole scan here: one call of Python for 64 KiB


class StandardOutputError(OSError):
    """Standard output cannot be written, so data is lost."""


class _Descriptor(io.RawIOBase):
    """Writes every byte it is given to a file descriptor."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def write(self, data: ReadableBuffer, /) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        while rest:
            try:
                rest = rest[os.write(self._number, rest) :]
            except BlockingIOError:
                # The other side of the pipe made it non-blocking, as Node.js does.
                select.select([], [self._number], [])
        return size


class _StandardOutput(_Descriptor):
    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise StandardOutputError(error.errno, error.strerror) from error


class _StandardError(_Descriptor):
    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            # There is no other place to report it, and a log that is full or gone is no reason to stop.
            return len(memoryview(data).cast("B"))


def open_standard_streams() -> None:
    """Replaces `sys.stdin`, `sys.stdout` and `sys.stderr` for a process of our own.

    A closed descriptor is opened on /dev/null first: otherwise the next file that is opened, perhaps one of the store,
    would take its number and native code would print into it. Standard output gets a descriptor that refuses to be
    written, so that data sent there is reported as lost.
    """
    for number, mode in ((_STDIN, os.O_RDONLY), (_STDOUT, os.O_RDONLY), (_STDERR, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)
    if sys.stdin is None:
        sys.stdin = open(_STDIN, encoding="utf-8", closefd=False)  # noqa: SIM115 - a descriptor, kept open
    buffer = io.BufferedWriter(_StandardOutput(_STDOUT), _BUFFER_BYTES)
    is_terminal = os.isatty(_STDOUT)
    sys.stdout = io.TextIOWrapper(buffer, _encoding(sys.stdout), "backslashreplace", line_buffering=is_terminal)
    # A raw stream, with no buffer of bytes: what is written is out when `write` returns.
    raw = cast("BinaryIO", _StandardError(_STDERR))
    sys.stderr = io.TextIOWrapper(raw, _encoding(sys.stderr), "backslashreplace", write_through=True)


def _encoding(stream: TextIO | None) -> str:
    return stream.encoding if stream is not None else "utf-8"
