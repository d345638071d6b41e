"""Checks AWS Signature Version 4 on the raw request.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote

from msgspec import Struct

MAX_SKEW_S = 300
_ALGORITHM = "AWS4-HMAC-SHA256"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,\s]+)/(?P<date>\d{8})/(?P<region>[^/,\s]+)/(?P<service>[^/,\s]+)"
    r"/aws4_request,"
    r"\s*SignedHeaders=(?P<headers>[^,\s]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)
_SPACES = re.compile(" +")


class Signed(Struct, frozen=True):
    """What an Authorization header claims."""

    access_key: str
    date: str
    region: str
    service: str
    headers: tuple[str, ...]
    signature: str

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


class RawRequest(Struct, frozen=True):
    """A request as it came over the wire; header names in lower case, `path` and `query` percent-encoded."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def read_authorization(header: str) -> Signed | None:
    """Returns the claims of an Authorization header, or None where it is not one of Signature Version 4."""
    found = _AUTHORIZATION.fullmatch(header.strip())
    if found is None:
        return None
    return Signed(
        found["key"],
        found["date"],
        found["region"],
        found["service"],
        tuple(found["headers"].split(";")),
        found["signature"],
    )


def signature_fault(request: RawRequest, signed: Signed, secret_key: str, now_s: float) -> str | None:
    """Returns why the signature is wrong, in AWS's words, or None where it is right."""
    stamp = request.headers.get("x-amz-date", "")
    at_s = _epoch_s(stamp)
    if at_s is None or not stamp.startswith(signed.date):
        return "Date in Credential scope does not match the date of the request"
    if abs(now_s - at_s) > MAX_SKEW_S:
        when = "expired" if at_s < now_s else "not yet current"
        now = datetime.fromtimestamp(now_s, UTC)
        return f"Signature {when}: {stamp} is more than 5 min. away from {now:%Y%m%dT%H%M%SZ}"
    unsigned = [name for name in _must_be_signed(request.headers) if name not in signed.headers]
    if unsigned:
        return f"'{unsigned[0]}' must be a 'SignedHeader' in the AWS Authorization."
    expected = _signature(request, signed, secret_key, stamp)
    if hmac.compare_digest(expected, signed.signature):
        return None
    return (
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. Consult the service documentation for details."
    )


def _must_be_signed(headers: Mapping[str, str]) -> list[str]:
    return ["host", *(name for name in headers if name.startswith("x-amz-"))]


def _signature(request: RawRequest, signed: Signed, secret_key: str, stamp: str) -> str:
    canonical = _canonical(request, signed.headers)
    to_sign = f"{_ALGORITHM}\n{stamp}\n{signed.scope}\n{sha256(canonical.encode()).hexdigest()}"
    key = _signing_key(secret_key, signed.date, signed.region, signed.service)
    return hmac.new(key, to_sign.encode(), sha256).hexdigest()


def _canonical(request: RawRequest, signed_headers: tuple[str, ...]) -> str:
    # Every service but S3 encodes the path, as it stands on the wire, once more.
    path = quote(request.path or "/", safe="/-_.~")
    query = "&".join(sorted(part if "=" in part else f"{part}=" for part in request.query.split("&") if part))
    headers = "".join(f"{name}:{_SPACES.sub(' ', request.headers.get(name, '').strip())}\n" for name in signed_headers)
    names = ";".join(signed_headers)
    return f"{request.method}\n{path}\n{query}\n{headers}\n{names}\n{sha256(request.body).hexdigest()}"


@lru_cache(maxsize=4096)
def _signing_key(secret_key: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _epoch_s(stamp: str) -> float | None:
    try:
        return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
