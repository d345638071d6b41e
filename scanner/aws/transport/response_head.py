"""Reads the headers of an answer. Only errors and odd answers need them: a callback a header would cost 3 us a page."""

from __future__ import annotations

from contextlib import suppress

import httptools

MAX_FIELD_BYTES = 8190  # aiohttp's, for the reason phrase and for each header with its name
MAX_FIELDS = 128  # aiohttp's
#: A head of so many bytes keeps both limits, since a header has at least 4 (`A:` and its line end).
CERTAINLY_SHORT_BYTES = 4 * MAX_FIELDS
_FINAL_STATUSES = range(200, 1000)

Headers = list[tuple[bytes, bytes]]


class _Collector:
    """Takes the headers of the first answer that is not an interim one."""

    def __init__(self) -> None:
        self.headers: Headers = []
        # Of all answers, since aiohttp refuses too long or too many headers of an interim one too.
        self.longest_bytes = self.most_headers = 0
        self._parser = new_parser(self)
        self._is_complete = False

    def feed(self, head: bytes) -> None:
        # What the answer itself is worth was decided when it came in.
        with suppress(httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._parser.feed_data(head)

    def on_message_begin(self) -> None:
        if not self._is_complete:
            self.headers = []

    def on_status(self, status: bytes) -> None:
        self.longest_bytes = max(self.longest_bytes, len(status))

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_complete:
            self.headers.append((name, value))
            self.longest_bytes = max(self.longest_bytes, len(name) + len(value))
            self.most_headers = max(self.most_headers, len(self.headers))

    def on_headers_complete(self) -> None:
        self._is_complete = self._is_complete or self._parser.get_status_code() in _FINAL_STATUSES


def new_parser(protocol: object) -> httptools.HttpResponseParser:
    """Returns a parser with the leniencies of aiohttp's client."""
    parser = httptools.HttpResponseParser(protocol)
    parser.set_dangerous_leniencies(
        lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
    )
    return parser


def headers_of(head: bytes) -> Headers:
    """Returns the names and values of the answer that these bytes begin with; more may follow them."""
    collector = _Collector()
    collector.feed(head)
    return collector.headers


def is_within_limits(head: bytes) -> bool:
    """Returns whether aiohttp would take these headers: not too long, not too many, and without a NUL."""
    if b"\0" in head:
        return False
    if len(head) <= CERTAINLY_SHORT_BYTES:
        return True
    collector = _Collector()
    collector.feed(head)
    return collector.longest_bytes <= MAX_FIELD_BYTES and collector.most_headers <= MAX_FIELDS
