"""Connections under the SDK: a surplus answer is never taken for the answer to the next request."""

from __future__ import annotations

import asyncio

import pytest
from botocore.awsrequest import AWSPreparedRequest

from scanner.aws.sdk.http_session import StrictSession


def answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


class Server:
    """Answers every request `right` in two pieces, with a surplus behind the second."""

    def __init__(self, surplus: bytes, later: bytes, pause_s: float) -> None:
        self.surplus, self.later, self.pause_s = surplus, later, pause_s
        self.connections = self.open = 0
        self.closed = asyncio.Event()

    async def serve(self, reader, writer):
        self.connections += 1
        self.open += 1
        later = b""
        while await self._request(reader):
            whole = answer(b"right")
            writer.write(later + whole[:-5])
            await writer.drain()
            await asyncio.sleep(0.02)
            writer.write(whole[-5:] + (b"" if self.pause_s else self.surplus))
            await asyncio.sleep(self.pause_s)
            writer.write(self.surplus if self.pause_s else b"")
            later = self.later
        writer.close()
        self.open -= 1
        if not self.open:
            self.closed.set()

    async def _request(self, reader):
        try:
            return await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, OSError):
            return b""


async def received(server, requests=3):
    """What the bodies of so many requests are, one after the other."""
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
    bodies = []
    try:
        async with StrictSession(timeout=(60.0, 60.0)) as session:
            for _ in range(requests):
                response = await session.send(AWSPreparedRequest("GET", url, {}, None, stream_output=False))
                bodies.append(await response.content)
                await asyncio.sleep(2 * server.pause_s)
    finally:
        listening.close()
        await server.closed.wait()
    return bodies


WRONG = answer(b"WRONG")


@pytest.mark.parametrize("pause_s", [0.0, 0.02], ids=["with its end", "a moment later"])
@pytest.mark.parametrize(
    ("surplus", "later"),
    [(WRONG, b""), (WRONG[:-5], WRONG[-5:]), (b"HTTP/1.1 103 Early Hints\r\n\r\n", WRONG), (b"}", WRONG)],
    ids=["a whole answer", "an answer with a later body", "an interim answer", "bytes"],
)
async def test_a_surplus_behind_an_answer_is_never_the_answer_to_the_next_request(surplus, later, pause_s):
    server = Server(surplus, later, pause_s)
    assert await received(server) == [b"right"] * 3
    assert server.connections == 3


async def test_a_connection_without_a_surplus_is_used_again():
    server = Server(b"", b"", 0.0)
    assert await received(server) == [b"right"] * 3
    assert server.connections == 1
