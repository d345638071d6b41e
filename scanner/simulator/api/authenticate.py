"""Finds out who sent a request: verifies its signature and that its session has not ended."""

from __future__ import annotations

import hmac
import time

from scanner.simulator.api.replies import PROTOCOLS, AwsFailure
from scanner.simulator.api.sigv4 import RawRequest, Signed, read_authorization, signature_fault
from scanner.simulator.running.sessions import Keys, Sessions

_TOKEN_INVALID = "The security token included in the request is invalid."  # noqa: S105 - a message of AWS
_TOKEN_EXPIRED = "The security token included in the request is expired"  # noqa: S105 - a message of AWS

_UNKNOWN_KEY = {
    "json": ("UnrecognizedClientException", 400),
    "rest-json": ("UnrecognizedClientException", 403),
    "query": ("InvalidClientTokenId", 403),
    "ec2": ("AuthFailure", 401),
}
_BAD_SIGNATURE = {
    "json": ("InvalidSignatureException", 400),
    "rest-json": ("InvalidSignatureException", 403),
    "query": ("SignatureDoesNotMatch", 403),
    "ec2": ("SignatureDoesNotMatch", 403),
}
_EXPIRED = {
    "json": ("ExpiredTokenException", 400),
    "rest-json": ("ExpiredTokenException", 403),
    "query": ("ExpiredToken", 403),
    "ec2": ("RequestExpired", 400),
}


def signed_by(request: RawRequest) -> Signed:
    """Returns what the request claims about its signature.

    Raises:
        AwsFailure: it has none, or not one of Signature Version 4.
    """
    header = request.headers.get("authorization")
    if header is None:
        raise AwsFailure("MissingAuthenticationToken", "Request is missing Authentication Token", status=403)
    signed = read_authorization(header)
    if signed is None:
        raise AwsFailure("IncompleteSignature", "Authorization header is not one of AWS4-HMAC-SHA256.", status=403)
    return signed


def keys_of(request: RawRequest, signed: Signed, sessions: Sessions, *, skew_s: float = 0.0) -> Keys:
    """Returns the keys that the request was signed with; the service's clock is `skew_s` ahead of this machine's.

    Raises:
        AwsFailure: keys unknown, session token missing or wrong, signature wrong, session ended.
    """
    protocol = PROTOCOLS.get(signed.service, "json")
    keys = sessions.find(signed.access_key)
    if keys is None or not hmac.compare_digest(keys.token or "", request.headers.get("x-amz-security-token", "")):
        raise _failure(_UNKNOWN_KEY[protocol], _TOKEN_INVALID)
    fault = signature_fault(request, signed, keys.secret_key, time.time() + skew_s)
    if fault is not None:
        raise _failure(_BAD_SIGNATURE[protocol], fault)
    if sessions.has_ended(keys):
        raise _failure(_EXPIRED[protocol], _TOKEN_EXPIRED)
    return keys


def expired(service: str) -> AwsFailure:
    """Returns the refusal of a session that has ended."""
    return _failure(_EXPIRED[PROTOCOLS[service]], _TOKEN_EXPIRED)


def _failure(code_and_status: tuple[str, int], message: str) -> AwsFailure:
    code, status = code_and_status
    return AwsFailure(code, message, status=status)
