"""Signature version 4 for JSON posts to one endpoint. What does not change from call to call is computed once.

The scheme: "Create a signed AWS API request" in the IAM user guide. Tests hold every header against botocore's signer.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from time import gmtime, strftime

from scanner.aws.transport.headers import check_header_value, host_header

_ALGORITHM = "AWS4-HMAC-SHA256"


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

    Raises:
        ConfigError: the access key or the token holds a line end.
    """

    __slots__ = (
        "_authorization",
        "_canonical_head",
        "_date_headers",
        "_fixed_headers",
        "_keys",
        "_scope_tail",
        "_second",
        "_signed_headers",
        "_signing_key",
        "_string_to_sign_head",
    )

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
        check_header_value("Authorization", access_key)
        check_header_value("X-Amz-Security-Token", token or "")
        self._keys = access_key, secret_key, token or None
        self._scope_tail = f"{region}/{service}/aws4_request"
        self._fixed_headers = f"content-type:{content_type}\nhost:{host_header(url)}"
        names = ["content-type", "host", "x-amz-date", "x-amz-target"]
        self._signed_headers = ";".join([*names[:3], "x-amz-security-token", names[3]] if token else names)
        self._second = -1
        self._signing_key = hmac.new(b"", digestmod="sha256")
        self._canonical_head = sha256()
        self._string_to_sign_head = self._authorization = self._date_headers = ""

    def sign(self, target: str, body: bytes, now_s: float) -> str:
        """Returns the header lines that sign a body: Authorization, X-Amz-Date and, for a session, its token.

        Args:
            target: the X-Amz-Target header, which names the operation.
            body: the payload.
            now_s: seconds since the epoch; AWS accepts five minutes of difference.
        """
        second = int(now_s)
        if second != self._second:
            self._start_second(second)
        # A copy of the hash so far, too: of the 1 kB of a canonical request most is the token.
        canonical_request = self._canonical_head.copy()
        canonical_request.update(f"{target}\n\n{self._signed_headers}\n{sha256(body).hexdigest()}".encode())
        # A copy of the keyed hash: `hmac.new` for every request would take 2 us more.
        signature = self._signing_key.copy()
        signature.update(f"{self._string_to_sign_head}{canonical_request.hexdigest()}".encode())
        return f"{self._authorization}{signature.hexdigest()}{self._date_headers}"

    def _start_second(self, second: int) -> None:
        """Computes what is the same in all signatures of one second."""
        access_key, secret_key, token = self._keys
        amz_date = strftime("%Y%m%dT%H%M%SZ", gmtime(second))
        credential_scope = f"{amz_date[:8]}/{self._scope_tail}"
        if not self._string_to_sign_head.endswith(f"{credential_scope}\n"):
            self._signing_key = hmac.new(_signing_key(secret_key, credential_scope), digestmod="sha256")
        token_line = f"x-amz-security-token:{token}\n" if token else ""
        head = f"POST\n/\n\n{self._fixed_headers}\nx-amz-date:{amz_date}\n{token_line}x-amz-target:"
        self._canonical_head = sha256(head.encode())
        self._string_to_sign_head = f"{_ALGORITHM}\n{amz_date}\n{credential_scope}\n"
        self._authorization = (
            f"Authorization: {_ALGORITHM} Credential={access_key}/{credential_scope}, "
            f"SignedHeaders={self._signed_headers}, Signature="
        )
        token_header = f"X-Amz-Security-Token: {token}\r\n" if token else ""
        self._date_headers = f"\r\nX-Amz-Date: {amz_date}\r\n{token_header}"
        self._second = second


def _signing_key(secret_key: str, credential_scope: str) -> bytes:
    """Derives the key of one day, Region and service."""
    key = f"AWS4{secret_key}".encode()
    for part in credential_scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
