"""Header fields of requests."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from scanner.core.errors import ConfigError

_DEFAULT_PORTS = {"http": 80, "https": 443}
#: What may not stand in a field value (RFC 9110, section 5.5). A line end there would begin a header of its own.
_FORBIDDEN = re.compile(r"[\0\r\n]")


def check_header_value(name: str, value: str | bytes) -> None:
    """Refuses a value that would end its header line; the value may be a secret and is not shown.

    Raises:
        ConfigError: it holds a line end or a NUL; names the header.
    """
    if _FORBIDDEN.search(value if isinstance(value, str) else value.decode("latin-1")):
        raise ConfigError(
            f"The request header {name} cannot be sent because its value holds a line end or a NUL; check the access "
            "key, the secret key and the session token of the AWS credentials in use"
        )


def host_header(url: str) -> str:
    """Returns the Host header for an endpoint, without the port where it is the scheme's own."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    return host if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f"{host}:{parts.port}"
