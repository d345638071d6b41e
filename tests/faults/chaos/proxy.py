"""A TCP server between the real client and the simulator, or S3, that hands answers on as `kinds` say."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from random import Random
from urllib.parse import urlsplit

from anyio.from_thread import start_blocking_portal
from msgspec import Struct

from tests.faults.chaos.answers import Answer, Close, Pause, Reset, Send, SendWithNextRequest, Step, plain
from tests.faults.chaos.kinds import KINDS, Around

#: How often one request is hit at most: with the simulator's own faults a client of 20 attempts always gets through.
MOST_HITS = 2
_NO_LINGER = struct.pack("ii", 1, 0)


class Request(Struct, frozen=True):
    """A request as it came; `number` counts those of the proxy from 1."""

    raw: bytes
    number: int

    @property
    def method(self) -> str:
        return self.raw.split(b" ", 1)[0].decode()

    @property
    def identity(self) -> str:
        """What it asks for and as whom, less its date and signature: the same each time that it is repeated."""
        start, _, body = self.raw.partition(b"\r\n\r\n")
        lines = [line for line in start.split(b"\r\n") if line.lower().startswith((b"x-amz-target", b"post", b"put"))]
        credential = start.partition(b"Credential=")[2].partition(b",")[0]
        return blake2b(b"\n".join([*lines, credential, body]), digest_size=12).hexdigest()

    @property
    def operation(self) -> str:
        """The header that names it, or the action in its body."""
        start, _, body = self.raw.partition(b"\r\n\r\n")
        for line in start.split(b"\r\n"):
            if line.lower().startswith(b"x-amz-target:"):
                return line.split(b".")[-1].decode("latin-1")
        return body.partition(b"Action=")[2].partition(b"&")[0].decode("latin-1") or self.method


#: Called with each request `before` it is handed on, `between` (its answer is known) and `after` its answer.
Watcher = Callable[[Request, str], None]


class Proxy:
    """What a test holds of a proxy that serves: its URL and what it did."""

    def __init__(self, upstream: str, chances: Mapping[str, float], *, seed: int, trap: str, patience_s: float) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname, parts.port)
        self._chances = chances
        self._seed = seed
        self._trap = trap
        self._patience_s = patience_s
        self._hits: Counter[str] = Counter()
        self._others: dict[str, Answer] = {}
        self.url = ""
        self.requests = 0
        self.faults: Counter[str] = Counter()
        self.reused = 0
        """Requests over a connection on which a surplus had come: a client that sends one can be fooled."""
        self.errors: list[str] = []
        self.watcher: Watcher = lambda _request, _moment: None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection of the client to its end."""
        try:
            await self._carry(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # the client, or the simulator, went away, or the proxy ends
        except Exception as error:  # noqa: BLE001 - a fault of the proxy's own must not look like one of the network
            self.errors.append(repr(error))
        finally:
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        later: SendWithNextRequest | None = None
        while raw := await read_request(reader, writer):
            if later is not None:
                self.reused += not later.is_told_apart
                writer.write(later.data)
            self.requests += 1
            request = Request(raw, self.requests)
            self.watcher(request, "before")
            answer = await self._ask(raw)
            self.watcher(request, "between")
            if answer is None:
                _abort(writer)
                return
            steps = self._steps(request, answer)
            goes_on = await self._deliver(steps, writer)
            self.watcher(request, "after")
            if not goes_on:
                return
            later = steps[-1] if isinstance(steps[-1], SendWithNextRequest) else None

    async def _ask(self, raw: bytes) -> Answer | None:
        """The simulator's answer; None: it broke off, and so does the proxy."""
        reader, writer = await asyncio.open_connection(*self._upstream, limit=1 << 24)
        try:
            writer.write(raw)
            await writer.drain()
            return await read_answer(reader, has_body=not raw.startswith(b"HEAD "))
        except (OSError, asyncio.IncompleteReadError):
            return None
        finally:
            _abort(writer)

    def _steps(self, request: Request, answer: Answer) -> list[Step]:
        name = self._kind(request)
        other = self._others.get(request.operation, answer)
        if answer.status == 200:
            self._others[request.operation] = answer
        if name is None:
            return [Send(plain(answer) if request.method != "HEAD" else plain(answer)[: -len(answer.body) or None])]
        self.faults[name] += 1
        random = Random(f"{self._seed}/{request.identity}/{self._hits[request.identity]}")
        return KINDS[name](answer, random, Around(other, self._trap, self._patience_s))

    def _kind(self, request: Request) -> str | None:
        """The fault of this answer: it follows from the seed, the request and how often that was hit."""
        hits = self._hits[request.identity]
        if hits >= MOST_HITS or request.method == "HEAD":
            return None
        dice = Random(f"{self._seed}/kind/{request.identity}/{hits}").random()
        for name, chance in self._chances.items():
            if dice < chance:
                self._hits[request.identity] += 1
                return name
            dice -= chance
        return None

    async def _deliver(self, steps: list[Step], writer: asyncio.StreamWriter) -> bool:
        """Take the steps; False: the connection has ended."""
        for step in steps:
            match step:
                case Send(data):
                    writer.write(data)
                    await writer.drain()
                case Pause(seconds):
                    await asyncio.sleep(seconds)
                case Close():
                    return False
                case Reset():
                    _abort(writer)
                    return False
        return True


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """A whole request as it came, less an `Expect`, which is met here; empty: the client closed the connection."""
    try:
        start = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    if b"\r\nexpect: 100-continue" in start.lower():
        at = start.lower().index(b"\r\nexpect: 100-continue")
        start = start[:at] + start[at + len(b"\r\nexpect: 100-continue") :]
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    length = _header(start, b"content-length")
    if length is None and _header(start, b"transfer-encoding") == b"chunked":
        return start + b"".join([chunk async for chunk in _chunks(reader)])
    return start + await reader.readexactly(int(length or 0))


async def read_answer(reader: asyncio.StreamReader, *, has_body: bool = True) -> Answer:
    """A whole answer of the simulator or of moto."""
    start = await reader.readuntil(b"\r\n\r\n")
    lines = start.decode("latin-1").split("\r\n")[:-2]
    status = int(lines[0].split()[1])
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines[1:]))
    length = _header(start, b"content-length")
    if not has_body or status in (204, 304):
        return Answer(status, headers, b"")
    if length is None:
        return Answer(status, headers, await reader.read(-1))
    return Answer(status, headers, await reader.readexactly(int(length)))


async def _chunks(reader: asyncio.StreamReader):
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        yield line + await reader.readexactly(size + 2)
        if size == 0:
            return


def _header(start: bytes, name: bytes) -> bytes | None:
    for line in start.split(b"\r\n"):
        if line.lower().startswith(name + b":"):
            return line[len(name) + 1 :].strip()
    return None


def _abort(writer: asyncio.StreamWriter) -> None:
    plain_socket = writer.get_extra_info("socket")
    if plain_socket is not None and not writer.transport.is_closing():
        plain_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    writer.transport.abort()


class Trap:
    """A server that must never be asked: where redirections point to."""

    def __init__(self) -> None:
        self.url = ""
        self.requests = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await read_request(reader, writer):
            self.requests += 1
            body = b'{"Patches":[],"InstanceInformationList":[],"InstancePatchStates":[]}'
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        writer.close()


@contextmanager
def serving(server: Proxy | Trap, tls: ssl.SSLContext | None = None) -> Iterator[None]:
    """Serve on 127.0.0.1 from a thread and event loop of its own until the block ends; sets `server.url`."""

    async def start() -> asyncio.Server:
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls, limit=1 << 24)
        port = listening.sockets[0].getsockname()[1]
        server.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        return listening

    async def stop() -> None:
        # Connections that are still open end with the loop.
        listening.close()

    with start_blocking_portal() as portal:
        listening = portal.call(start)
        try:
            yield
        finally:
            portal.call(stop)
