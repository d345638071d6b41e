"""Makes text from outside safe to show: on a terminal, in a spreadsheet, and without the secrets it may quote."""

from __future__ import annotations

import re
from urllib.parse import unquote

MASK = "***"
# What follows `user:` in `scheme://user:password@host`, up to the last `@` (a password may hold one itself). What is
# alone there is masked too, because a token is written that way, but for PostgreSQL, where it is a user. The `?` of
# parameters ends it, unless no path comes before or what stands before the path is no port: a password may hold one.
_USER_INFO = re.compile(r"(?:://[^:/@?\[]*:|(?<!postgresql)://)(?P<secret>[^?]*|[^/@]*|(?<=:)(?!\d*[/?]).*)@")
_PARAMETER = re.compile(
    r"[?&][^=&]*(?:password|passwd|pwd|secret|token|key|credential)[^=&]*=(?P<secret>[^&\s]+)", re.IGNORECASE
)


def mask_secrets(text: str, *, secrets_of: str | None = None) -> str:
    """The text with its secrets masked, or with those of another text, that it may quote as written or decoded."""
    for secret in sorted(_secrets(text if secrets_of is None else secrets_of), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def _secrets(text: str) -> set[str]:
    found = [*_USER_INFO.finditer(text), *_PARAMETER.finditer(text)]
    return {form for match in found if match["secret"] for form in (match["secret"], unquote(match["secret"]))}


_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_CONTROLS = [*range(0x20), *range(0x7F, 0xA0)]
# Characters that reorder or break a line without showing: bidirectional controls and the Unicode separators.
_DECEIVERS = [0x061C, 0x200E, 0x200F, 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_ESCAPES = {
    **{code: f"\\x{code:02x}" for code in _CONTROLS},
    **{code: f"\\u{code:04x}" for code in _DECEIVERS},
    0x09: "\\t",
    0x0A: "\\n",
    0x0D: "\\r",
}


def safe_cell(text: str) -> str:
    """The text of a CSV cell with a leading apostrophe where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def terminal_text(text: str) -> str:
    """The text on one line; control and reordering characters are written as escapes, as a Python literal has them."""
    return text.translate(_ESCAPES)
