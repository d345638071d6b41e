"""The SDK's exceptions, told apart once: AWS answered with an error, no answer came, or nothing could be signed."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from aiohttp import ClientConnectorCertificateError, ClientConnectorDNSError, ClientPayloadError
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    MetadataRetrievalError,
    ProxyConnectionError,
    RefreshWithMFAUnsupportedError,
    SSLError,
    SSOError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError

from scanner.aws.transport.interface import ConnectionFailure, NoResponse, ServiceError
from scanner.core.errors import ConfigError, CredentialsExpired

A = TypeVar("A", bound=Mapping[str, object])

_LOST_CREDENTIALS = (
    CredentialRetrievalError,
    MetadataRetrievalError,
    RefreshWithMFAUnsupportedError,
    SSOError,
    TokenRetrievalError,
)
_RENEWED_IN_VAIN = "refreshed credentials are still expired"
"""Of the one RuntimeError that the SDK raises for what a user did: a source of credentials gave old ones."""


@contextmanager
def sdk_errors() -> Iterator[None]:
    """Let nothing of botocore's out.

    Raises:
        ServiceError: AWS answered with an error.
        NoAnswer: no answer came, or one that is no answer of AWS.
        CredentialsExpired: the SDK could not renew the credentials of the run.
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
        if isinstance(error, _LOST_CREDENTIALS):
            raise CredentialsExpired(f"The AWS credentials of this run cannot be renewed: {error}") from error
        silence = _silence(error)
        if silence is None:
            raise ConfigError(f"The AWS settings in force cannot work: {error}") from error
        raise NoResponse(silence, str(error)) from error
    except RuntimeError as error:
        if _RENEWED_IN_VAIN not in str(error):
            raise
        raise CredentialsExpired(f"The AWS credentials of this run cannot be renewed: {error}") from error


def require_members(answer: A, *members: str) -> A:
    """The answer, which has to hold these members: botocore takes a torn or empty one for a success without them.

    Raises:
        NoAnswer: one is missing.
    """
    missing = [name for name in members if answer.get(name) is None]
    if missing:
        raise NoResponse(ConnectionFailure.CONNECTION, f"the answer lacks {', '.join(missing)}")
    return answer


def _service_error(error: ClientError) -> ServiceError:
    said = error.response.get("Error", {})
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    # An empty XML element comes as None.
    return ServiceError(said.get("Code") or "", said.get("Message") or "", status)


def _silence(error: BotoCoreError) -> ConnectionFailure | None:
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
