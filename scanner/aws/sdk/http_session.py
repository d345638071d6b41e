"""Sends the SDK's requests with the safeguards of botocore's own HTTP session, which aiobotocore's partly lacks.

Every client of a run sends through it, those of the SDK's credential providers too. docs/transport.md lists botocore's
safeguards one by one, with where each of them is here and the test that holds it.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any, Literal, cast

import anyio
from aiobotocore.awsrequest import AioAWSResponse
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.utils import _RefCountedSession  # type: ignore[attr-defined]  # not in the stubs
from aiohttp import (
    ClientConnectorCertificateError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
)
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import HTTPClientError, SSLError
from botocore.httpsession import ProxyConfiguration

from scanner.aws.sdk.connector import StrictConnector
from scanner.aws.transport.headers import check_header_value
from scanner.aws.transport.interface import MAX_ANSWER_BYTES, ConnectionFailure, NoResponse
from scanner.aws.transport.tls import new_tls_context, tls_context


class StrictSession(AIOHTTPSession):
    """Verifies names, follows no redirect, keeps no cookie, repeats nothing, and bounds the size of an answer."""

    # Set by the class above, and not in its stubs.
    _verify: str | Literal[True]
    _cert_file: str | None
    _key_file: str | None
    _max_pool_connections: int
    _connector_args: dict[str, Any]
    _proxy_config: ProxyConfiguration
    _sessions: dict[str | None, ClientSession]
    _timeout: ClientTimeout
    _exit_stack: AsyncExitStack

    def __init__(self, *, verify: bool | str | None = True, **settings: Any) -> None:  # noqa: ANN401 - the SDK's own
        # In the SDK an empty AWS_CA_BUNDLE or REQUESTS_CA_BUNDLE turns verification off, which is never meant.
        super().__init__(verify=verify or True, **settings)  # type: ignore[arg-type]  # a path, too

    async def send(self, request: AWSPreparedRequest) -> AioAWSResponse:  # type: ignore[override]  # the stubs name other types
        """Sends one request and reads its answer up to `MAX_ANSWER_BYTES` and within the read time-out.

        A streamed answer is its reader's to bound.

        Raises:
            NoResponse: the server's certificate is not trusted.
            ConfigError: a header would hold a line end, as a key or token that was pasted with one does.
            HTTPClientError: no whole answer came, in botocore's own classes.
        """
        # aiohttp would wait for "100 Continue" until the time limit; botocore sends the body after a second without it.
        request.headers.pop("Expect", None)  # type: ignore[attr-defined]  # not in the stubs
        for name, value in request.headers.items():
            check_header_value(name, value)
        is_streamed = request.stream_output
        # The SDK then leaves the body to be read here.
        request.stream_output = True
        # Opened here, since an error of the certificates to trust would pass for one of the network in the SDK's hands.
        await self._get_session(self._proxy_config.proxy_url_for(request.url))
        try:
            response = cast("AioAWSResponse", await super().send(request))  # type: ignore[arg-type]  # as above
        except SSLError as error:
            cause = error.kwargs.get("error")
            if isinstance(cause, ClientConnectorCertificateError):
                # Not left to the SDK: it tries such a server five times, where a profile names a role to assume.
                raise NoResponse(ConnectionFailure.UNTRUSTED, str(cause.certificate_error)) from error
            raise
        if not is_streamed:
            # Where the SDK itself keeps what it read.
            response._content = await _bounded(response, self._timeout.sock_read)  # type: ignore[attr-defined]  # noqa: SLF001 - as above
        return response

    def _create_connector(self, proxy_url: str | None) -> StrictConnector:  # noqa: ARG002 - one context for both hops
        """Returns a connector that verifies the server behind a proxy too, which aiobotocore's does not."""
        context = tls_context(self._verify)
        if self._cert_file:
            context = new_tls_context(self._verify)
            context.load_cert_chain(self._cert_file, self._key_file)
        return StrictConnector(limit=self._max_pool_connections, ssl=context, **self._connector_args)

    async def _get_session(self, proxy_url: str | None) -> _OneRequest:
        """Returns what `send` calls `request` of; made as aiobotocore makes it, but for cookies."""
        if proxy_url not in self._sessions:
            session = ClientSession(
                connector=self._create_connector(proxy_url),
                timeout=self._timeout,
                skip_auto_headers={"Content-Type"},
                auto_decompress=False,
                cookie_jar=DummyCookieJar(),
            )
            # aiohttp repeats a PUT when a kept connection turns out closed. The first may have been carried out: a
            # conditional write would then be refused because of itself.
            session._retry_connection = False  # noqa: SLF001 - aiohttp has no public switch
            self._sessions[proxy_url] = await self._exit_stack.enter_async_context(session)
        return _OneRequest(self._sessions[proxy_url])


class MetadataSession(_RefCountedSession, StrictSession):  # type: ignore[misc]  # as above
    """The session for the credentials of containers and EC2 instances; opened by the request that needs it."""


class _OneRequest:
    """Sends through an aiohttp session without following redirects: a signed request is for the host it names."""

    def __init__(self, session: ClientSession) -> None:
        self._session = session

    async def request(self, method: str, **arguments: Any) -> ClientResponse:  # noqa: ANN401 - aiohttp's own
        return await self._session.request(method, allow_redirects=False, **arguments)


async def _bounded(response: AioAWSResponse, timeout_s: float | None) -> bytes:
    body = bytearray()
    try:
        # aiohttp's own time-out does not see a body that it cannot parse to its end, as with forbidden trailers.
        with anyio.fail_after(timeout_s):
            async for chunk in response.raw.content.iter_any():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise HTTPClientError(error=f"the answer has more than {MAX_ANSWER_BYTES} bytes")
    except (ClientError, TimeoutError) as error:
        raise HTTPClientError(error=error) from error
    finally:
        # A connection with an answer half read on it is closed, any other is kept.
        response.raw.release()
    return bytes(body)
