"""Sorts the SDK's exceptions in one place: AWS answered with an error, no answer came, or nothing could be signed."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import urlsplit

from aiohttp import ClientConnectorCertificateError, ClientConnectorDNSError, ClientPayloadError
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    ProxyConnectionError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from scanner.aws.transport.interface import ConnectionFailure, NoResponse, ServiceError
from scanner.core.errors import ConfigError, PatchsweepError
from scanner.core.safe_text import mask_foreign_text

A = TypeVar("A", bound=Mapping[str, object])


@contextmanager
def sdk_errors() -> Iterator[None]:
    """Turns each exception of botocore into one of ours.

    Raises:
        ServiceError: AWS answered with an error.
        NoResponse: no answer came, or one that is no answer of AWS.
        ConfigError: the SDK's own settings cannot work; quotes the SDK.
    """
    try:
        yield
    except ClientError as error:
        raise _service_error(error) from error
    except ClientPayloadError as error:
        raise NoResponse(ConnectionFailure.CONNECTION, "the answer broke off") from error
    except ResponseParserError as error:
        raise NoResponse(ConnectionFailure.CONNECTION, "the answer is not one of AWS") from error
    except BotoCoreError as error:
        failure = _connection_failure(error)
        if failure is None:
            raise ConfigError(f"The AWS settings in force cannot work: {mask_foreign_text(str(error))}") from error
        words = "the name of the proxy does not resolve" if _is_of_proxy(error) else mask_foreign_text(str(error))
        raise NoResponse(failure, words) from error


@contextmanager
def setup_errors() -> Iterator[None]:
    """Turns any exception of the SDK into a sentence while it reads its settings or creates a client.

    Raises:
        ConfigError: the SDK's own settings cannot work; quotes the SDK.
    """
    try:
        with sdk_errors():
            yield
    except (PatchsweepError, ServiceError, NoResponse):
        raise
    except Exception as error:
        words = " ".join(mask_foreign_text(f"{type(error).__name__}: {error}").split())
        raise ConfigError(
            f"The AWS settings in force cannot work: {words}; check the AWS_* variables, such as AWS_ENDPOINT_URL "
            "(scheme://host), and the AWS config file"
        ) from error


def require_members(answer: A, *members: str) -> A:
    """Returns the answer if it holds these members: botocore takes a torn or empty one for a success without them.

    Raises:
        NoResponse: one is missing.
    """
    missing = [name for name in members if answer.get(name) is None]
    if missing:
        raise NoResponse(ConnectionFailure.CONNECTION, f"the answer lacks {', '.join(missing)}")
    return answer


def _service_error(error: ClientError) -> ServiceError:
    details = error.response.get("Error", {})
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    # An empty XML element comes as None.
    return ServiceError(details.get("Code") or "", details.get("Message") or "", status)


def _connection_failure(error: BotoCoreError) -> ConnectionFailure | None:
    cause = error.kwargs.get("error")
    match error:
        case SSLError():
            return (
                ConnectionFailure.UNTRUSTED
                if isinstance(cause, ClientConnectorCertificateError)
                else ConnectionFailure.CONNECTION
            )
        case ProxyConnectionError():
            return ConnectionFailure.PROXY
        case EndpointConnectionError() if _is_of_proxy(error):
            return ConnectionFailure.PROXY
        case EndpointConnectionError() if isinstance(cause, ClientConnectorDNSError):
            # A resolver that is out of order for a moment is no proof that the name does not exist.
            return (
                ConnectionFailure.CONNECTION
                if cause.os_error.errno == socket.EAI_AGAIN
                else ConnectionFailure.NO_SUCH_HOST
            )
        case EndpointConnectionError() | ConnectTimeoutError() | HTTPClientError() | IncompleteReadError():
            return ConnectionFailure.CONNECTION
        case _:
            return None


def _is_of_proxy(error: BotoCoreError) -> bool:
    """Returns whether the name that does not resolve is a proxy's: it is not the one of the endpoint."""
    cause = error.kwargs.get("error")
    endpoint = urlsplit(error.kwargs.get("endpoint_url") or "").hostname
    return isinstance(cause, ClientConnectorDNSError) and cause.host != endpoint
