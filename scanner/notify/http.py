"""Posts JSON to a URL: one request, no redirect, a verified certificate, and no word of the URL in an error."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit, urlunsplit

from aiohttp import ClientError, ClientHttpProxyError, ClientSession, DummyCookieJar, ServerDisconnectedError

from scanner import __version__
from scanner.core.errors import NotificationError, Transient
from scanner.core.safe_text import MASK
from scanner.notify.proxy import proxy_for

_SUCCESS = range(200, 300)
_REDIRECTS = range(300, 400)
#: What passes: too fast, or the server's own trouble.
_PASSING = frozenset({408, 425, 429, *range(500, 600)})
_QUOTED_CHARACTERS = 120  # of an answer that says why
_SHORTEST_SECRET = 4  # characters; what is shorter, such as `v1`, stands in every other word


async def post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Posts a JSON body, through the proxy that the environment names; a failure behind one names it.

    Raises:
        ConfigError: the proxy cannot be used.
        Transient: no answer, or one that another attempt may change.
        NotificationError: the receiver refuses, or answers with a redirect, which would hand the secrets on.
    """
    proxy = proxy_for(url)
    way, remedy = (proxy.way, proxy.remedy) if proxy else ("", "")
    own = {"Content-Type": "application/json", "User-Agent": f"patchsweep/{__version__}"}
    try:
        async with (
            ClientSession(cookie_jar=DummyCookieJar()) as session,
            session.post(
                url,
                data=body,
                headers={**own, **headers},
                allow_redirects=False,
                ssl=ssl.create_default_context(),
                proxy=proxy.url if proxy else None,
            ) as answer,
        ):
            words = (await answer.content.read(4 * _QUOTED_CHARACTERS)).decode(errors="replace")
            status, location = answer.status, answer.headers.get("Location", "")
    except (ClientError, OSError) as error:
        raise Transient(f"no answer{way}: {_reason(error)}{remedy}") from error
    if status in _SUCCESS:
        return
    if status in _REDIRECTS:
        host = urlsplit(location).hostname or "no other host"
        raise NotificationError(
            f"answered {status}{way}, a redirect to {host}, which is not followed; name the final URL"
        )
    quoted = _without_secrets(" ".join(words.split()), url)[:_QUOTED_CHARACTERS]
    text = f"answered {status}{way}{': ' + quoted if quoted else ''}"
    raise Transient(text) if status in _PASSING else NotificationError(text)


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) or "certificate" in str(error).lower():
        return "the certificate is not trusted for this name"
    cause = getattr(error, "os_error", error)
    number = getattr(cause, "errno", None)
    if isinstance(number, int) and number > 0:  # those of name resolution are negative
        return os.strerror(number)
    if isinstance(error, ClientHttpProxyError):
        return f"it answers CONNECT with {error.status}"
    if isinstance(error, ServerDisconnectedError):
        return "the connection was closed"
    return getattr(cause, "strerror", None) or type(error).__name__


def _without_secrets(text: str, url: str) -> str:
    """Returns the text with what follows the host of the URL masked, as a whole and in parts, encoded or not."""
    parts = urlsplit(url)
    whole = urlunsplit(("", "", parts.path, parts.query, "")).strip("/")
    values = [name_and_value.rpartition("=")[2] for name_and_value in parts.query.split("&")]
    pieces = [whole, *parts.path.split("/"), *values]
    secrets = {form for piece in pieces for form in (piece, unquote(piece)) if len(form) >= _SHORTEST_SECRET}
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text
