"""What the SDK raises becomes an error answer, a silence, or a word on the settings; its own classes stay inside."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import aiohttp
import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    ReadTimeoutError,
    ResponseStreamingError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from scanner.aws.sdk.errors import sdk_errors
from scanner.aws.transport.interface import ConnectionFailure, NoResponse, ServiceError
from scanner.core.errors import ConfigError, Denied

URL = "https://ssm.xx-nowhere-1.amazonaws.com/"
KEY = SimpleNamespace(host="ssm.xx-nowhere-1.amazonaws.com", port=443, ssl=True, is_ssl=True)


def translated(error):
    with pytest.raises(Exception) as caught, sdk_errors():  # noqa: PT011 -- its class is what is asked for
        raise error
    assert caught.value.__cause__ is error
    return caught.value


def endpoint_error(cause):
    return EndpointConnectionError(endpoint_url=URL, error=cause)


def no_name(number):
    return aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(number, "Name or service not known"))


def test_an_error_answer_keeps_code_message_and_status():
    response = {"Error": {"Code": "C", "Message": "M"}, "ResponseMetadata": {"HTTPStatusCode": 418}}
    error = translated(ClientError(response, "DescribeInstancePatches"))
    assert isinstance(error, ServiceError)
    assert (error.code, error.message, error.status) == ("C", "M", 418)


@pytest.mark.parametrize(
    ("error", "silence"),
    [
        (endpoint_error(no_name(socket.EAI_NONAME)), ConnectionFailure.NO_SUCH_HOST),
        (endpoint_error(no_name(socket.EAI_AGAIN)), ConnectionFailure.CONNECTION),
        (
            endpoint_error(aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "refused"))),
            ConnectionFailure.CONNECTION,
        ),
        (endpoint_error(aiohttp.ClientOSError(104, "reset")), ConnectionFailure.CONNECTION),
        (ConnectTimeoutError(endpoint_url=URL), ConnectionFailure.CONNECTION),
        (ReadTimeoutError(endpoint_url=URL), ConnectionFailure.CONNECTION),
        (ConnectionClosedError(endpoint_url=URL), ConnectionFailure.CONNECTION),
        (HTTPClientError(error="odd"), ConnectionFailure.CONNECTION),
        (ResponseStreamingError(error="torn"), ConnectionFailure.CONNECTION),
        (aiohttp.ClientPayloadError("torn"), ConnectionFailure.CONNECTION),
        (ResponseParserError("no XML"), ConnectionFailure.CONNECTION),
        (ProxyConnectionError(proxy_url="http://proxy"), ConnectionFailure.PROXY),
        (
            SSLError(endpoint_url=URL, error=aiohttp.ClientConnectorCertificateError(KEY, OSError())),
            ConnectionFailure.UNTRUSTED,
        ),
        (
            SSLError(endpoint_url=URL, error=aiohttp.ClientConnectorSSLError(KEY, OSError())),
            ConnectionFailure.CONNECTION,
        ),
    ],
)
def test_no_answer_is_told_by_how_it_looked(error, silence):
    found = translated(error)
    assert isinstance(found, NoResponse)
    assert found.kind is silence


@pytest.mark.parametrize("error", [NoCredentialsError(), ProfileNotFound(profile="nobody")])
def test_settings_that_cannot_work_are_quoted(error):
    found = translated(error)
    assert isinstance(found, ConfigError)
    assert str(error) in str(found)


def test_an_error_of_our_own_passes_through():
    error = Denied("the role is refused")
    with pytest.raises(Denied) as caught, sdk_errors():
        raise error
    assert caught.value is error
