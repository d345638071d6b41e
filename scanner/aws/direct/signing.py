"""Signature version 4 for JSON posts to one endpoint, with all that does not change from call to call kept.

The scheme: "Create a signed AWS API request" in the IAM user guide. Tests hold every header against botocore's signer.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256
from time import gmtime, strftime
from urllib.parse import urlsplit

_ALGORITHM = "AWS4-HMAC-SHA256"
_BLOCK_BYTES = 64
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Signer:
    """Signs posts to the root of one endpoint with one set of keys.

    Args:
        access_key: the access key id.
        secret_key: never kept in a form that `repr` shows.
        token: the session token, None for long-term keys.
        region: the Region in the credential scope.
        service: the service in the credential scope, e.g. `ssm`.
        url: the endpoint, posted to at its root.
    """

    __slots__ = ("_access_key", "_date", "_host", "_mac", "_names", "_scope", "_scope_tail", "_secret", "_token")

    def __init__(
        self, access_key: str, secret_key: str, token: str | None, *, region: str, service: str, url: str
    ) -> None:
        self._access_key = access_key
        self._secret = secret_key
        self._token = token or None
        self._scope_tail = f"{region}/{service}/aws4_request"
        self._date = ""
        self._mac = _keyed(b"")
        self._scope = ""
        names = ["content-type", "host", "x-amz-date", "x-amz-target"]
        self._names = ";".join(names if self._token is None else [*names[:3], "x-amz-security-token", names[3]])
        self._host = host_of(url)

    def sign(self, target: str, content_type: str, body: bytes, now_s: float) -> dict[str, str]:
        """The headers that sign this body: Authorization, X-Amz-Date and, for a session, X-Amz-Security-Token."""
        amz_date = strftime("%Y%m%dT%H%M%SZ", gmtime(now_s))
        date = amz_date[:8]
        if date != self._date:
            self._renew_key(date)
        token = "" if self._token is None else f"x-amz-security-token:{self._token}\n"
        canonical = (
            f"POST\n/\n\ncontent-type:{content_type}\nhost:{self._host}\nx-amz-date:{amz_date}\n{token}"
            f"x-amz-target:{target}\n\n{self._names}\n{sha256(body).hexdigest()}"
        )
        to_sign = f"{_ALGORITHM}\n{amz_date}\n{self._scope}\n{sha256(canonical.encode()).hexdigest()}"
        signature = self._mac(to_sign.encode())
        headers = {
            "Authorization": f"{_ALGORITHM} Credential={self._access_key}/{self._scope}, "
            f"SignedHeaders={self._names}, Signature={signature}",
            "X-Amz-Date": amz_date,
        }
        if self._token is not None:
            headers["X-Amz-Security-Token"] = self._token
        return headers

    def _renew_key(self, date: str) -> None:
        key = f"AWS4{self._secret}".encode()
        for part in (date, *self._scope_tail.split("/")):
            key = hmac.digest(key, part.encode(), "sha256")
        self._date, self._mac, self._scope = date, _keyed(key), f"{date}/{self._scope_tail}"


def _keyed(key: bytes) -> Callable[[bytes], str]:
    """HMAC-SHA256 (RFC 2104) under a key of up to 64 bytes: the hashes of the padded key are kept, not made anew."""
    block = key.ljust(_BLOCK_BYTES, b"\0")
    inner = sha256(bytes(byte ^ 0x36 for byte in block))
    outer = sha256(bytes(byte ^ 0x5C for byte in block))

    def mac(message: bytes) -> str:
        within, around = inner.copy(), outer.copy()
        within.update(message)
        around.update(within.digest())
        return around.hexdigest()

    return mac


def host_of(url: str) -> str:
    """The Host header for an endpoint: without the port where it is the scheme's own."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    return host if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f"{host}:{parts.port}"
