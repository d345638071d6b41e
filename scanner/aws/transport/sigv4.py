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
        content_type: of every body.
    """

    __slots__ = ("_canonical", "_dated", "_host", "_keys", "_mac", "_names", "_scope", "_second", "_signed", "_to_sign")

    def __init__(
        self,
        access_key: str,
        secret_key: str,
        token: str | None,
        *,
        region: str,
        service: str,
        url: str,
        content_type: str,
    ) -> None:
        self._keys = access_key, secret_key, token or None
        self._scope = f"{region}/{service}/aws4_request"
        self._host = f"content-type:{content_type}\nhost:{host_of(url)}"
        names = ["content-type", "host", "x-amz-date", "x-amz-target"]
        self._names = ";".join([*names[:3], "x-amz-security-token", names[3]] if token else names)
        self._second = -1
        self._mac = _keyed(b"")
        self._canonical = self._to_sign = self._signed = self._dated = ""

    def sign(self, target: str, body: bytes, now_s: float) -> str:
        """The header lines that sign this body: Authorization, X-Amz-Date and, for a session, X-Amz-Security-Token."""
        second = int(now_s)
        if second != self._second:
            self._keep(second)
        canonical = f"{self._canonical}{target}\n\n{self._names}\n{sha256(body).hexdigest()}"
        signature = self._mac(f"{self._to_sign}{sha256(canonical.encode()).hexdigest()}".encode())
        return f"{self._signed}{signature}{self._dated}"

    def _keep(self, second: int) -> None:
        """Write down what is the same in all signatures of this second."""
        access_key, secret_key, token = self._keys
        amz_date = strftime("%Y%m%dT%H%M%SZ", gmtime(second))
        date = amz_date[:8]
        scope = f"{date}/{self._scope}"
        if not self._to_sign.endswith(f"{scope}\n"):
            key = f"AWS4{secret_key}".encode()
            for part in scope.split("/"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._mac = _keyed(key)
        token_line = f"x-amz-security-token:{token}\n" if token else ""
        self._canonical = f"POST\n/\n\n{self._host}\nx-amz-date:{amz_date}\n{token_line}x-amz-target:"
        self._to_sign = f"{_ALGORITHM}\n{amz_date}\n{scope}\n"
        self._signed = (
            f"Authorization: {_ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={self._names}, Signature="
        )
        self._dated = f"\r\nX-Amz-Date: {amz_date}\r\n" + (f"X-Amz-Security-Token: {token}\r\n" if token else "")
        self._second = second


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
