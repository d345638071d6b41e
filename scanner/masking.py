"""Keeps secrets out of every text: the passwords, tokens and keys that a URL or a sink's spec may hold."""

from __future__ import annotations

import re

MASK = "***"
# What follows `user:` in `scheme://user:password@host`, up to the last `@` (a password may hold one itself); a user
# alone is masked too, because a token is written that way.
_USER_INFO = re.compile(r"://(?:[^:/@?]*:)?(?P<secret>[^?]*)@")
_PARAMETER = re.compile(
    r"[?&][^=&]*(?:password|passwd|pwd|secret|token|key|credential)[^=&]*=(?P<secret>[^&\s]+)", re.IGNORECASE
)


def masked(text: str, *, secrets_of: str | None = None) -> str:
    """The text with its secrets masked, or with those of another text, that it may quote."""
    for secret in sorted(_secrets(text if secrets_of is None else secrets_of), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def _secrets(text: str) -> set[str]:
    found = [*_USER_INFO.finditer(text), *_PARAMETER.finditer(text)]
    return {match["secret"] for match in found if match["secret"]}
