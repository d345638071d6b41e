"""Distinguishes AWS's answers from those of what stands between here and AWS: proxies, firewalls, sign-in pages."""

from __future__ import annotations

from urllib.parse import urlsplit

from scanner.aws.transport.interface import ConnectionFailure, NoResponse

_PROXY_AUTHENTICATION_REQUIRED = 407
_REQUEST_TIMEOUT = 408
_TOO_MANY_REQUESTS = 429
_SERVER_ERRORS = range(500, 600)


def has_own_meaning(status: int) -> bool:
    """Returns whether a status says what to do next even where no error document of AWS comes with it."""
    return status in (_REQUEST_TIMEOUT, _TOO_MANY_REQUESTS) or status in _SERVER_ERRORS


def not_from_aws(status: int, location: str | None = None) -> NoResponse:
    """Returns the error for an answer that AWS does not give.

    Args:
        status: its HTTP status, a redirect's too.
        location: its Location header; only the host is named, since the rest may hold a secret.
    """
    if status == _PROXY_AUTHENTICATION_REQUIRED:
        return NoResponse(ConnectionFailure.PROXY, "the proxy wants other credentials (HTTP 407)")
    target = f" to {_host(location)}" if location else ""
    return NoResponse(ConnectionFailure.NOT_AWS, f"HTTP {status}{target} without an error document is no answer of AWS")


def _host(location: str) -> str:
    try:
        return urlsplit(location).hostname or "a path of the same host"
    except ValueError:
        return "a place that is no URL"
