"""Makes text from outside safe to show: on a terminal, in a spreadsheet, and without the secrets it may quote."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from functools import cache
from urllib.parse import unquote

MASK = "***"
# What a spreadsheet may skip before it looks for a formula: blanks of every kind, controls and invisible characters.
_SKIPPED = r"\s\x00-\x20\x7f-\xa0\xad\u180e\u200b-\u200f\u202a-\u202f\u2060-\u206f\ufeff"
# Excel and LibreOffice also take the full-width signs of East Asian keyboards. A tab or line break among the leading
# blanks counts too: a spreadsheet that splits the text there starts a new cell after it.
_FORMULA = re.compile(f"[{_SKIPPED}]*[=+\\-@\uff1d\uff0b\uff0d\uff20\\t\\r\\n]")
# What follows `user:` in `scheme://user:password@host`, up to the last `@` (a password may hold one itself). What is
# alone there is masked too, because a token is written that way, but for PostgreSQL, where it is a user. The `?` of
# parameters ends it, unless no path comes before or what stands before the path is no port: a password may hold one.
_USER_INFO = re.compile(r"(?:://[^:/@?\[]*:|(?<!postgresql)://)(?P<secret>[^?]*|[^/@]*|(?<=:)(?!\d*[/?]).*)@")
_PARAMETER = re.compile(
    r"[?&][^=&]*(?:password|passwd|pwd|secret|token|key|credential)[^=&]*=(?P<secret>[^&\s]+)", re.IGNORECASE
)


def mask_secrets(text: str, *, secrets_of: str | None = None) -> str:
    """Returns the text with its secrets masked, or those of `secrets_of`, which it may quote as written or decoded."""
    for secret in sorted(_secrets(text if secrets_of is None else secrets_of), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def _secrets(text: str) -> set[str]:
    found = [*_USER_INFO.finditer(text), *_PARAMETER.finditer(text)]
    return {form for match in found if match["secret"] for form in (match["secret"], unquote(match["secret"]))}


_DESTINATION = re.compile(
    r"(?P<kind>\w+:)(?P<scheme>[\w+.-]+://)?(?:[^/?#]*@)?(?P<host>[^/?#@]*)(?P<rest>.*)", re.DOTALL
)
_NAMED_DESTINATIONS = ("sns:", "eventbridge:")  # what they name is no secret


def mask_destination(text: str) -> str:
    """Returns the destination of a notification with the path of its URL masked: whoever knows it may post there."""
    if text.startswith(_NAMED_DESTINATIONS):
        return text
    match = _DESTINATION.fullmatch(text)
    if match is None or match["scheme"] is None:
        return f"{match['kind']}{MASK}" if match else MASK
    rest = f"/{MASK}" if match["rest"].strip("/") else ""
    return f"{match['kind']}{match['scheme']}{match['host']}{rest}"


_URL = re.compile(r"\S+://\S+")
_PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
_URL_DELIMITERS = re.compile(r"[/?#@:\[\]]")


def mask_foreign_text(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """Returns the text of an exception or a library with the secrets masked that it quotes.

    A library may quote part of a proxy's URL: with an unescaped `/` in the password it takes what stands before it for
    a port and names that. So the passwords of the proxy variables are masked in parts too, where a part is a word.
    """
    text = _URL.sub(lambda url: mask_secrets(url[0]), text) if "://" in text else text
    proxies = _proxy_secrets(tuple(filter(None, map(environ.get, _PROXY_VARIABLES))))
    return text if proxies is None else proxies.sub(MASK, text)


@cache
def _proxy_secrets(proxies: tuple[str, ...]) -> re.Pattern[str] | None:
    secrets = {secret for proxy in proxies for secret in _secrets(proxy)}
    parts = {part for secret in secrets for part in (secret, *_URL_DELIMITERS.split(secret)) if part}
    longest_first = "|".join(map(re.escape, sorted(parts, key=len, reverse=True)))
    return re.compile(rf"(?<!\w)(?:{longest_first})(?!\w)") if parts else None


# Characters that are obeyed or not shown: C0 and C1 controls, line and paragraph separators, bidirectional controls,
# blanks without width, invisible operators, interlinear annotations, tags, and halves of surrogate pairs. The joiners
# U+200C and U+200D stay: Persian and emoji need them, and they move nothing.
_CONTROLS = (*range(0x20), *range(0x7F, 0xA0))
_INVISIBLE = (
    *(0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180E, 0x180F),
    *(0x200B, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0x3164, 0xFEFF, 0xFFA0),
    *range(0xFFF9, 0xFFFC),
    *range(0xE0000, 0xE0080),
)

_ESCAPES = {
    code: chr(code).encode("unicode_escape").decode() for code in (*_CONTROLS, *_INVISIBLE, *range(0xD800, 0xE000))
}
_LINE_ESCAPES = {code: escape for code, escape in _ESCAPES.items() if code != ord("\n")}
_JSON_ESCAPES = {
    0x7F: "\\u007f",  # the one of them that is ASCII, which `dumps` leaves as it is
    **{code: json.dumps(chr(code))[1:-1] for code in (*range(0x80, 0xA0), *_INVISIBLE)},
}


def terminal_text(text: str) -> str:
    """Returns the text on one line; control and invisible characters are written as a Python literal writes them."""
    return text.translate(_ESCAPES)


def terminal_lines(text: str) -> str:
    """Returns the same with its line ends kept."""
    return text.translate(_LINE_ESCAPES)


def terminal_json(document: str) -> str:
    """Returns the JSON document with control and invisible characters as JSON's own escapes: the same data, shown."""
    return document if document.isascii() and "\x7f" not in document else document.translate(_JSON_ESCAPES)


def safe_cell(text: str) -> str:
    """Returns the text of a CSV cell, with a leading apostrophe where a spreadsheet would take it for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text
