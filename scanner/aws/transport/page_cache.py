"""Keeps pages of patches, so that one that comes again for another node is not decoded again.

Nodes of one patch level list the same rows: those of one image with the same times, Windows nodes with the same day,
and some operating systems tell no time. Their pages differ in the token alone. To decode a page of 12 kB and to number
its patches takes 27 us; to find it here takes 4, and where it is not found these come on top.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct

from scanner.core.patch_rows import PAGES, PageNumbering, PatchPage

MAX_BYTES = 6 * 1024 * 1024  # some 500 pages
_NAME = b'"NextToken"'
_MEMBER = rb'"NextToken"\s*:\s*"([ !#-\[\]-~]*)"\s*'  # other tokens, with escapes or beyond ASCII, are not cut out
_LAST = re.compile(_MEMBER + rb"}\s*\Z")
_FIRST = re.compile(rb"\s*{\s*" + _MEMBER + b",")
_BACKSLASH = b"\\"
_ESCAPED_LETTERS = b"\\u00"  # can write the name so that it is not seen


class _Cut(Struct, frozen=True, gc=False):
    rest: bytes
    token: str | None


class PageCache:
    """Decodes pages by `decode`, but for those that are, byte for byte outside the token, among the last `max_bytes`.

    Pages with odd rows are not kept: what is wrong with them may be a passing fault. Nor are pages used whose patches
    have other numbers than those of the next ones: a table is made of runs of pages that share their numbers.
    """

    def __init__(
        self, decode: Callable[[bytes], PatchPage], max_bytes: int = MAX_BYTES, numbering: PageNumbering = PAGES
    ) -> None:
        self._decode = decode
        self._numbering = numbering
        self._max_bytes = max_bytes
        self._bytes = 0
        self._pages: dict[bytes, PatchPage] = {}

    def decode(self, body: bytes) -> PatchPage:
        """Returns a page; raises what `decode` raises."""
        cut = _cut(body)
        key = body if cut is None else cut.rest
        kept = self._pages.get(key)
        if kept is not None and self._numbering.is_current(kept.rows):
            return kept if cut is None else PatchPage(kept.rows, cut.token)
        page = self._decode(body)
        if not page.odd_rows:
            self._keep(key, page)
        return page

    def _keep(self, key: bytes, page: PatchPage) -> None:
        if key not in self._pages:
            self._bytes += len(key)
        self._pages[key] = page
        while self._bytes > self._max_bytes:
            oldest = next(iter(self._pages))
            del self._pages[oldest]
            self._bytes -= len(oldest)


def _cut(body: bytes) -> _Cut | None:
    """Returns a page without the text of its token; None where another text in this place might mean something else.

    In a valid document a quote without a backslash before it opens or closes a text, and none that closes is followed
    by a letter. So what matches is a member, and as its object begins or ends with the document, one of the answer
    itself. Of several members with one name the last one counts.
    """
    at = body.rfind(_NAME)
    if at < 0:
        return None
    found = _LAST.match(body, at)
    if found is None:
        found = _FIRST.match(body)
        if found is None or at > found.start(1) or _ESCAPED_LETTERS in body:
            return None
    elif body[at - 1 : at] == _BACKSLASH:
        return None
    start, end = found.span(1)
    return _Cut(body[:start] + body[end:], found[1].decode() or None)
