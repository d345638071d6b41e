"""One keep-alive HTTP/1.1 connection: a request out, its answer back, nothing in between.

An asyncio protocol, because streams (asyncio's and anyio's) cost several times the CPU of the request itself.
"""

from __future__ import annotations

import asyncio

import httptools

from scanner.aws.transport import MAX_ANSWER_BYTES, NoAnswer, Silence

Answer = tuple[int, bytes]
"""HTTP status and body."""


class Connection(asyncio.Protocol):
    """Carries one request at a time; made by `loop.create_connection`."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
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
            raise NoAnswer(Silence.CONNECTION, "the connection was closed before the request was sent")
        loop = asyncio.get_running_loop()
        self._answer = loop.create_future()
        # A cancel scope for each request costs as much as decoding its answer.
        timer = loop.call_later(timeout_s, self._fail, f"no answer within {timeout_s:g} s")
        self._chunks, self._bytes = [], 0
        self._transport.write(request)
        try:
            return await self._answer
        finally:
            timer.cancel()
            if not self._answer.done() or self._answer.cancelled():
                self.close()
            self._answer = None

    def close(self) -> None:
        """Drop the connection at once."""
        self._keep_alive = False
        if self._transport is not None:
            self._transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
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
            self._answer.set_exception(NoAnswer(Silence.CONNECTION, reason))
