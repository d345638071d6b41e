"""Which proxy a webhook is posted through, and how a failure names it."""

from __future__ import annotations

import os
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from msgspec import Struct

from scanner.aws.sdk.proxies import check_proxies


class Proxy(Struct, frozen=True):
    """A proxy by its `url`, which may hold a password, and the `setting` that names it; `for_host` is behind it."""

    url: str
    setting: str
    for_host: str

    @property
    def way(self) -> str:
        """Returns the words for a message: what was tried through which proxy."""
        parts = urlsplit(self.url)
        port = "" if parts.port is None else f":{parts.port}"
        return f" through the proxy {parts.hostname}{port} ({self.setting})"

    @property
    def remedy(self) -> str:
        """Returns what a message ends in."""
        return f"; check {self.setting} and the proxy, or list {self.for_host} in NO_PROXY"


def proxy_for(url: str) -> Proxy | None:
    """Returns the proxy that the environment names for the URL. aiohttp's own look-up would read ~/.netrc, too.

    Raises:
        ConfigError: it cannot be used.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxy = None if proxy_bypass(host) else getproxies().get(parts.scheme)
    if not proxy:
        return None
    check_proxies(os.environ)
    names = (f"{parts.scheme}_proxy", f"{parts.scheme.upper()}_PROXY")
    setting = next((name for name in names if os.environ.get(name)), "the proxy of this machine's settings")
    return Proxy(proxy if "://" in proxy else f"http://{proxy}", setting, host)
