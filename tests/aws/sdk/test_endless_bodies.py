"""The SDK's HTTP session: an answer without end ends at a bound."""

from __future__ import annotations

import asyncio

import anyio
import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import HTTPClientError

from scanner.aws.sdk.http_session import StrictSession

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def received(*pieces: bytes, read_timeout_s: float = 60.0) -> bytes:
    """The body that the session reads from an answer that comes in these pieces."""
    ended = asyncio.Event()

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await anyio.sleep(0.02)
        await reader.read()
        writer.close()
        await writer.wait_closed()
        ended.set()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    try:
        async with StrictSession(timeout=(60.0, read_timeout_s)) as session:
            response = await session.send(AWSPreparedRequest("GET", url, {}, None, stream_output=False))
            return await response.content
    finally:
        server.close()
        await ended.wait()


async def test_a_body_in_chunks_is_read():
    assert await received(CHUNKED, b"3\r\nabc\r\n", b"0\r\n\r\n") == b"abc"


@pytest.mark.parametrize("trailer", [b"Content-Length: 7\r\n\r\n", b"X-Checksum: 1\r\n"], ids=["forbidden", "no end"])
async def test_a_body_that_never_ends_is_given_up_at_the_read_timeout(trailer):
    with anyio.fail_after(300), pytest.raises(HTTPClientError):
        await received(CHUNKED, b"3\r\nabc\r\n0\r\n", trailer, read_timeout_s=0.3)
