"""One keep-alive HTTP/1.1 connection: a request out, its answer back, nothing in between.

An asyncio protocol, because streams (asyncio's and anyio's) cost several times the CPU of the request itself.
"""

from __future__ import annotations

import asyncio
from typing import cast

import httptools

from scanner.aws.transport.interface import MAX_ANSWER_BYTES, ConnectionFailure, NoResponse

Answer = tuple[int, bytes]
"""HTTP status and body."""
ROOM_BYTES = 64 * 1024
"""A page has about 12 kB; asyncio's own buffers of 256 kB would be mapped and zeroed for every read."""


class Connection(asyncio.BufferedProtocol):
    """Carries one request at a time; made by `loop.create_connection`.

    `room` is where received bytes land, for as long as it takes to parse them: one for all connections of a loop.
    """

    def __init__(self, room: memoryview) -> None:
        self._room = room
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._deadline_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._chunks: list[bytes] = []
        self._bytes = 0
        self._keep_alive = True
        self.idle_since_s = 0.0

    @property
    def is_usable(self) -> bool:
        """Whether it can carry another request."""
        return self._keep_alive and self._transport is not None and not self._transport.is_closing()

    async def post(self, request: bytes, timeout_s: float) -> Answer:
        """Send a whole request and wait for the whole answer; a wait that is cancelled ends the connection.

        Raises:
            NoAnswer: the connection broke, or what came is not HTTP, too large or too late.
        """
        if self._transport is None or self._transport.is_closing():
            raise NoResponse(ConnectionFailure.CONNECTION, "the connection was closed before the request was sent")
        loop = asyncio.get_running_loop()
        self._answer = loop.create_future()
        self._deadline_s = loop.time() + timeout_s
        # A cancel scope for each request costs as much as decoding its answer, a timer for each a fifth of that.
        if self._timer is None or self._timer.when() > self._deadline_s:
            self._watch(timeout_s)
        self._chunks, self._bytes = [], 0
        self._transport.write(request)
        try:
            return await self._answer
        finally:
            if not self._answer.done() or self._answer.cancelled():
                self.close()
            self._answer = None

    def close(self) -> None:
        """Drop the connection at once."""
        self._keep_alive = False
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.abort()

    def _watch(self, timeout_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(self._deadline_s, self._look, timeout_s)

    def _look(self, timeout_s: float) -> None:
        self._timer = None
        if self._answer is None:
            return
        if asyncio.get_running_loop().time() < self._deadline_s:
            self._watch(timeout_s)
        else:
            self._fail(f"no answer within {timeout_s:g} s")

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the room is as large as it is
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        try:
            self._parser.feed_data(self._room[:nbytes])
        except httptools.HttpParserError as error:
            self._fail(f"the answer is not HTTP ({error})")

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(str(exc) if exc and str(exc) else "the connection was closed before the answer was complete")

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self._answer is None:
            # Bytes nobody asked for: the next answer could be taken for another's.
            self.close()

    def on_body(self, body: bytes) -> None:
        self._bytes += len(body)
        if self._bytes > MAX_ANSWER_BYTES:
            self._fail(f"the answer has more than {MAX_ANSWER_BYTES} bytes; check what stands between here and AWS")
        else:
            self._chunks.append(body)

    def on_message_complete(self) -> None:
        self._keep_alive = self._parser.should_keep_alive()
        if self._answer is not None and not self._answer.done():
            body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
            self._answer.set_result((self._parser.get_status_code(), body))

    def _fail(self, reason: str) -> None:
        self.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(NoResponse(ConnectionFailure.CONNECTION, reason))
