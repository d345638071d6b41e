"""Checks the proxy settings before a request needs them: what the SDK raises for them names parts of the password."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from scanner.core.errors import ConfigError

VARIABLES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")
_SCHEMES = ("http", "https")


def check_proxies(environ: Mapping[str, str]) -> None:
    """Refuses a proxy that cannot be used.

    Raises:
        ConfigError: names the variable; its value may hold a password and is not shown.
    """
    for name in VARIABLES:
        value = environ.get(name)
        if value:
            _check(name, value if "://" in value else f"http://{value}")


def _check(name: str, url: str) -> None:
    scheme = url.partition("://")[0].lower()
    if scheme not in _SCHEMES:
        raise ConfigError(f"{name} cannot be used: {scheme}:// is no kind of proxy that is supported; use http://")
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_whole = False
    # `urlsplit` drops tabs and line ends, which the SDK would send on; a blank belongs into no part.
    is_one_word = not any(char.isspace() or char < " " for char in url)
    if not (is_whole and is_one_word) or parts.path.strip("/") or parts.query or parts.fragment:
        raise ConfigError(
            f"{name} cannot be used: it is not of the form http://user:password@host:port; write / ? # @ : in user and "
            "password as %2F %3F %23 %40 %3A"
        )
