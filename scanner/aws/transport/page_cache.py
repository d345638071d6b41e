"""Keeps pages of patches, so that one that comes again for another node is not decoded again.

Nodes of one patch level list the same rows: those of one image with the same times, Windows nodes with the same day,
and some operating systems tell no time. Their pages differ in the token alone. To decode a page of 12 kB and to number
its patches takes 27 us, to find it here 5.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct

from scanner.core.patch_rows import PAGES, PageNumbering, PatchPage

MAX_BYTES = 6 * 1024 * 1024  # some 500 pages
MAX_SEEN = 4096
#: Where fewer than this share of a round of pages came before, the next pages are decoded without a look.
SHARE_THAT_PAYS = 1 / 8
ROUND_PAGES, PAUSE_PAGES = 1024, 4096
SAMPLE_BYTES = 1024  # three rows or more: enough to tell pages apart
#: How an answer is written whose token is its last member, or its first.
_LAST, _ENDS = b',"NextToken":"', b'"}'
_FIRST, _NAME = b'{"NextToken":"', b'"NextToken"'
_MAX_TOKEN = 2048
_QUOTE, _BACKSLASH = b'"', b"\\"
_ESCAPED_LETTERS = b"\\u00"  # can write the name so that it is not seen


class _Kept(Struct, frozen=True, gc=False):
    """A page, and its bytes before and after the text of its token."""

    page: PatchPage
    before: bytes
    after: bytes

    def __len__(self) -> int:
        return len(self.before) + len(self.after)


class PageCache:
    """Decodes pages by `decode`, but for those that are, byte for byte outside the token, one that is kept.

    A page is kept once it seems to come again, and a fleet whose pages all differ has few of them looked for: to look
    for each one takes 4 % of the CPU of its scan. Pages with odd rows are not kept: what is wrong with them may be a
    passing fault. Nor are pages used whose patches have other numbers than those of the next ones: a table is made of
    runs of pages that share their numbers.
    """

    def __init__(
        self, decode: Callable[[bytes], PatchPage], max_bytes: int = MAX_BYTES, numbering: PageNumbering = PAGES
    ) -> None:
        self._decode = decode
        self._numbering = numbering
        self._max_bytes = max_bytes
        self._bytes = 0
        # Not plain dicts, which take longer to find their oldest the more of the older ones have left.
        self._kept: OrderedDict[int, _Kept] = OrderedDict()
        self._seen: OrderedDict[int, None] = OrderedDict()
        self._to_pass = self._looked = self._hits = 0

    def decode(self, body: bytes) -> PatchPage:
        """Returns a page; raises what `decode` raises."""
        if self._to_pass:
            self._to_pass -= 1
            return self._decode(body)
        page = self._looked_up(body)
        self._looked += 1
        if self._looked == ROUND_PAGES:
            self._to_pass = PAUSE_PAGES if self._hits < ROUND_PAGES * SHARE_THAT_PAYS else 0
            self._looked = self._hits = 0
        return page

    def _looked_up(self, body: bytes) -> PatchPage:
        start, end = _token_span(body)
        # Samples may be those of another page, so all bytes are compared.
        place = hash(
            (len(body) - end + start, body[max(start - SAMPLE_BYTES, 0) : start], body[end : end + SAMPLE_BYTES])
        )
        kept = self._kept.get(place)
        if kept is not None and self._is_again(kept, body, start, end):
            self._hits += 1
            if start == len(body):
                return kept.page
            if (token := _plain(body[start:end])) is not None:
                return PatchPage(kept.page.rows, token or None)
        page = self._decode(body)
        if not page.odd_rows and self._was_seen(place):
            self._keep(place, _Kept(page, body[:start], body[end:]))
        return page

    def _is_again(self, kept: _Kept, body: bytes, start: int, end: int) -> bool:
        is_same = start == len(kept.before) and len(body) - end == len(kept.after)
        is_same = is_same and body.startswith(kept.before) and body.endswith(kept.after)
        return is_same and self._numbering.is_current(kept.page.rows)

    def _was_seen(self, place: int) -> bool:
        """Returns whether a page of this place was decoded lately, and takes note of it."""
        if place in self._seen:
            return True
        self._seen[place] = None
        if len(self._seen) > MAX_SEEN:
            self._seen.popitem(last=False)
        return False

    def _keep(self, place: int, page: _Kept) -> None:
        self._forget(place)
        self._kept[place] = page
        self._bytes += len(page)
        while self._bytes > self._max_bytes:
            self._forget(next(iter(self._kept)))

    def _forget(self, place: int) -> None:
        if place in self._kept:
            self._bytes -= len(self._kept.pop(place))


def _token_span(body: bytes) -> tuple[int, int]:
    """Returns where the text of the token is; at the end if another plain text there might mean something else.

    In a valid document a quote without a backslash before it opens or closes a text, and none that closes is followed
    by a letter. So the name is that of a member, and as its object begins or ends with the document, one of the answer
    itself. Of several members with one name the last one counts.
    """
    nowhere = len(body), len(body)
    if body.endswith(_ENDS) and (at := body.rfind(_LAST, -_MAX_TOKEN)) >= 0:
        start, end = at + len(_LAST), len(body) - len(_ENDS)
    elif body.startswith(_FIRST) and body.rfind(_NAME) < len(_FIRST) and _ESCAPED_LETTERS not in body:
        start = len(_FIRST)
        end = body.find(_QUOTE, start)
    else:
        return nowhere
    text = body[start:end]
    return nowhere if end < 0 or _QUOTE in text or _BACKSLASH in text else (start, end)


def _plain(text: bytes) -> str | None:
    """Returns text without escapes; None if it is beyond ASCII, and so may be broken, or has control characters."""
    if not text.isascii():
        return None
    plain = text.decode()
    return plain if plain.isprintable() else None
