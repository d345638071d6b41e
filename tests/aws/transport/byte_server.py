"""A server that answers with given bytes in given pieces, whatever was asked."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from scanner.aws.transport.connection_pool import Connections

REQUEST_BODY = b"{}"
TURNS = 3  # of the event loop between two pieces, so that a client reads one before the next is there


@dataclass
class ByteServer:
    """Writes `script[c][n]`, piece by piece, after the n-th request of its c-th connection.

    After the last answer of a connection it closes it, if it `closes`, or waits for the client to do so.
    """

    script: list[list[Sequence[bytes]]]
    closes: bool = True
    port: int = 0
    requests: int = 0
    connections: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers = self.script[min(self.connections, len(self.script) - 1)]
        self.connections += 1
        self.writers.append(writer)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for answer in answers:
                await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(len(REQUEST_BODY))
                self.requests += 1
                for piece in answer:
                    writer.write(piece)
                    for _ in range(TURNS):
                        await asyncio.sleep(0)
            if not self.closes:
                await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(server: ByteServer, tls=None) -> AsyncIterator[ByteServer]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for writer in server.writers:
            writer.transport.abort()


def connections(tls=None, read_timeout_s: float = 60.0) -> Connections:
    return Connections(lambda: tls, connect_timeout_s=60.0, read_timeout_s=read_timeout_s)


def request(port: int) -> bytes:
    head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(REQUEST_BODY)}\r\n\r\n"
    return head.encode() + REQUEST_BODY
