"""Keeps the SDK from buffering an answer that is too large to be one, such as a proxy's endless page."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from aiobotocore.httpsession import AIOHTTPSession
from aiohttp import ClientError
from botocore.exceptions import HTTPClientError

from scanner.aws.transport.interface import MAX_ANSWER_BYTES

if TYPE_CHECKING:
    from aiobotocore.awsrequest import AioAWSResponse
    from botocore.awsrequest import AWSPreparedRequest


class BoundedSession(AIOHTTPSession):
    """The SDK's HTTP session, which reads an answer up to a bound; what a caller streams is the caller's to bound."""

    async def send(self, request: AWSPreparedRequest) -> AioAWSResponse:  # type: ignore[override]  # the stubs name other types
        is_streamed = request.stream_output
        # The SDK then leaves the body for us to read.
        request.stream_output = True
        response = cast("AioAWSResponse", await super().send(request))  # type: ignore[arg-type]  # as above
        if not is_streamed:
            # Where the SDK itself keeps what it read.
            response._content = await _bounded(response)  # type: ignore[attr-defined]  # noqa: SLF001 - as above
        return response


async def _bounded(response: AioAWSResponse) -> bytes:
    body = bytearray()
    try:
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
