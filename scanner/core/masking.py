"""Keeps secrets out of every text: the passwords, tokens and keys that a URL or a sink's spec may hold."""

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


def masked(text: str, *, secrets_of: str | None = None) -> str:
    """The text with its secrets masked, or with those of another text, that it may quote as written or decoded."""
    for secret in sorted(_secrets(text if secrets_of is None else secrets_of), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def _secrets(text: str) -> set[str]:
    found = [*_USER_INFO.finditer(text), *_PARAMETER.finditer(text)]
    return {form for match in found if match["secret"] for form in (match["secret"], unquote(match["secret"]))}
