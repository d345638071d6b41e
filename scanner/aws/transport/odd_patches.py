"""Decodes a page of DescribeInstancePatches row by row, once it could not be decoded as a whole.

A row that is not what the API says costs itself alone. It is named, so that its node never counts as verified.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from scanner.aws.transport.decoding import Undecodable, decode
from scanner.core.patch_rows import Patch, PatchPage, patch_page

_NAMES = ("KBId", "Title")  # the members that name a patch
_MAX_NAME = 80  # characters of a name that somebody else chose


class _Page(Struct, rename="pascal"):
    patches: list[msgspec.Raw]
    next_token: str | None = None


_PAGES = msgspec.json.Decoder(_Page)
_ROWS = msgspec.json.Decoder(Patch)
_ANYTHING: msgspec.json.Decoder[object] = msgspec.json.Decoder()


def decode_by_row(body: bytes) -> PatchPage:
    """Returns a page with the rows that can be decoded, and words for each of the others in `odd_rows`.

    Raises:
        Undecodable: torn, not JSON, or without its list of rows.
    """
    page = decode(_PAGES, body)
    patches, odd_rows = [], []
    for raw in page.patches:
        try:
            patches.append(decode(_ROWS, raw))
        except Undecodable as error:
            odd_rows.append(f"{_name(raw)} ({error})")
    return patch_page(patches, page.next_token or None, odd_rows)


def _name(raw: msgspec.Raw) -> str:
    """Returns the first member that names the patch of a row, if that member at least is text."""
    try:
        members = decode(_ANYTHING, raw)
    except Undecodable:
        members = None
    named = [members.get(name) for name in _NAMES] if isinstance(members, dict) else []
    return next((name[:_MAX_NAME] for name in named if isinstance(name, str) and name), "a row without a name")
