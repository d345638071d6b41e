"""One keep-alive HTTP/1.1 connection: a request out, its answer back.

An asyncio protocol, because streams (asyncio's and anyio's) cost several times the CPU of the request itself. It parses
with llhttp under the settings of aiohttp's client, and tests hold every answer against that client's. An answer is
never taken for that of another request: whatever is not expected ends the connection.
"""

from __future__ import annotations

import asyncio
import select
from typing import cast

import httptools
from msgspec import Struct

from scanner.aws.transport.interface import MAX_ANSWER_BYTES, ConnectionFailure, NoResponse
from scanner.aws.transport.response_head import headers_of, is_within_limits, new_parser

BUFFER_BYTES = 64 * 1024  # a page has about 12 kB; asyncio's own 256 kB would be mapped and zeroed for every read
MAX_HEAD_BYTES = 64 * 1024  # AWS sends less than 1 kB; interim answers count towards the same bound
_LINE_END = b"\r\n"
_BLANK_LINE = b"\r\n\r\n"  # the end of the headers, or of the last chunk with its trailers
_INTERIM = range(100, 200)
_SWITCHING_PROTOCOLS = 101


class Answer(Struct, frozen=True, gc=False):
    """An answer as it came; `head` are the bytes before its body."""

    status: int
    body: bytes
    head: bytes

    def header(self, name: bytes) -> str | None:
        """Returns the value of a header that is given in lower case, None without it."""
        values = (value.decode("latin-1") for key, value in headers_of(self.head) if key.lower() == name)
        return next(values, None)


class Connection(asyncio.BufferedProtocol):
    """Carries one request at a time; made by `loop.create_connection`.

    `buffer` is where received bytes lie for as long as it takes to parse them: one for all connections of a loop.
    """

    def __init__(self, buffer: memoryview) -> None:
        self._buffer = buffer
        self._parser = new_parser(self)
        self._transport: asyncio.Transport | None = None
        self._readable = select.poll()
        self._waiter: asyncio.Future[Answer] | None = None
        self._deadline_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._is_reusable = True
        self._start_answer()
        self.idle_since_s = 0.0

    @property
    def is_reusable(self) -> bool:
        """Returns whether it may carry another request: it is open, and all it carried was in order."""
        return self._is_reusable and self._transport is not None and not self._transport.is_closing()

    @property
    def is_usable(self) -> bool:
        """Returns whether it can carry a request now: it is reusable, and nothing waits to be read.

        Bytes that arrived since the last answer would otherwise be taken for the next one. urllib3 looks for them,
        too; it costs a system call, so it is done once, right before the request.
        """
        return self.is_reusable and not self._readable.poll(0)

    async def post(self, request: bytes, timeout_s: float) -> Answer:
        """Sends a whole request and waits for the whole answer; a wait that is cancelled ends the connection.

        Raises:
            NoResponse: the connection broke, or what came is not HTTP, too large or too late.
        """
        if self._transport is None or self._transport.is_closing():
            raise NoResponse(ConnectionFailure.CONNECTION, "the connection was closed before the request was sent")
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        self._deadline_s = loop.time() + timeout_s
        # A cancel scope for each request costs as much as decoding its answer, a timer for each a fifth of that.
        if self._timer is None or self._timer.when() > self._deadline_s:
            self._set_timer(timeout_s)
        self._start_answer()
        self._transport.write(request)
        try:
            return await self._waiter
        finally:
            if not self._waiter.done() or self._waiter.cancelled():
                self.close()
            self._waiter = None

    def close(self) -> None:
        """Drops the connection at once."""
        self._is_reusable = False
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.abort()

    def _start_answer(self) -> None:
        self._bytes = 0
        self._head = b""
        self._is_head = True
        self._is_chunked = False
        self._chunks: list[bytes] = []
        self._status = 0
        self._body: bytes | None = None

    def _set_timer(self, timeout_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(self._deadline_s, self._on_timer, timeout_s)

    def _on_timer(self, timeout_s: float) -> None:
        self._timer = None
        if self._waiter is None:
            return
        if asyncio.get_running_loop().time() < self._deadline_s:
            self._set_timer(timeout_s)
        else:
            self._fail(f"no answer within {timeout_s:g} s")

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._readable.register(transport.get_extra_info("socket"), select.POLLIN)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the buffer has one size
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._waiter is None or self._waiter.done():
            self.close()  # without a request, or after its answer: it could be taken for the next one's
            return
        was_head = self._is_head
        try:
            self._parser.feed_data(self._buffer[:nbytes])
        except httptools.HttpParserUpgrade:
            self._fail("the server wants to change to another protocol")
            return
        except httptools.HttpParserError as error:
            self._fail(f"the answer is not HTTP ({error})")
            return
        self._bytes += nbytes
        if self._bytes > MAX_ANSWER_BYTES:
            self._fail(f"the answer has more than {MAX_ANSWER_BYTES} bytes; check what stands between here and AWS")
        elif was_head and not self._is_head_fine(nbytes):
            self._fail("the answer's headers are too long, too many or not text")
        elif self._body is not None:
            self._is_reusable = self._is_reusable and self._is_last(nbytes, self._body)
            self._deliver()

    def _is_head_fine(self, nbytes: int) -> bool:
        """Keeps the bytes before the body; returns whether they are within the limits."""
        self._head += bytes(self._buffer[: nbytes - sum(map(len, self._chunks))])
        if self._is_head:
            return len(self._head) <= MAX_HEAD_BYTES
        return is_within_limits(self._head)

    def eof_received(self) -> None:
        self._end_by_close()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None:
            self._end_by_close()
        self._fail(str(exc) if exc and str(exc) else "the connection was closed before the answer was complete")

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self._body is not None:
            self._is_reusable = False  # a second answer to one request

    def on_headers_complete(self) -> None:
        self._is_head = False

    def on_body(self, body: bytes) -> None:
        if self._body is None:
            self._chunks.append(body)

    def on_message_complete(self) -> None:
        if self._body is not None:
            return
        self._status = self._parser.get_status_code()
        if self._status in _INTERIM and self._status != _SWITCHING_PROTOCOLS:
            # "100 Continue" and the like: the answer follows. Nothing asked for one, so the connection ends with it.
            self._is_reusable = False
            self._is_head = True
            self._chunks = []
            return
        self._is_reusable = self._is_reusable and self._parser.should_keep_alive()
        self._body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)

    def on_chunk_complete(self) -> None:
        self._is_chunked = True

    def _is_last(self, nbytes: int, body: bytes) -> bool:
        """Returns whether the answer ends where the received bytes do.

        llhttp passes over line ends after an answer without a word. The rest of a second answer, of which they are the
        first bytes, would come with the next request.
        """
        if body and not self._is_chunked:
            return body[-1] == self._buffer[nbytes - 1] and body[-1] not in _LINE_END
        tail = bytes(self._buffer[max(nbytes - len(_BLANK_LINE) - 1, 0) : nbytes])
        return tail[1:] == _BLANK_LINE and tail[0] not in _LINE_END

    def _deliver(self) -> None:
        """Hands the answer over once the parser has accepted all bytes that came with it."""
        if self._waiter is not None and not self._waiter.done() and self._body is not None:
            self._waiter.set_result(Answer(self._status, self._body, self._head))
            # An idle connection would keep the answer twice: a page of EC2 has 2.6 MB.
            self._chunks.clear()
            self._body = b""

    def _end_by_close(self) -> None:
        """Ends an answer whose headers say neither its length nor that it comes in chunks, as HTTP/1.0 had it."""
        self._is_reusable = False
        if self._body is None and not self._is_head and self._is_until_close():
            self.on_message_complete()
            self._deliver()

    def _is_until_close(self) -> bool:
        headers = {name.lower(): value.lower() for name, value in headers_of(self._head)}
        codings = headers.get(b"transfer-encoding")
        if codings is not None:
            return not codings.rstrip().endswith(b"chunked")
        return b"content-length" not in headers

    def _fail(self, reason: str) -> None:
        self.close()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(NoResponse(ConnectionFailure.CONNECTION, reason))
