"""An HTTP answer as the simulator gave it, and the steps in which a network hands it on."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from msgspec import Struct


class Answer(Struct, frozen=True):
    """A whole HTTP/1.1 answer: its status line's number, its headers as they came, its body without any framing."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def content_type(self) -> str:
        return next((value for name, value in self.headers if name.lower() == "content-type"), "")


class Send(Struct, frozen=True):
    """These bytes, in one call of the socket."""

    data: bytes


class Pause(Struct, frozen=True):
    """Nothing for so long."""

    seconds: float


class Close(Struct, frozen=True):
    """An orderly end of the connection."""


class Reset(Struct, frozen=True):
    """The end of the connection by a TCP reset."""


class SendWithNextRequest(Struct, frozen=True):
    """These bytes as soon as another request comes over this connection, which a careful client never sends.

    `is_told_apart`: a client that starts each answer with a new parser may send it, as these bytes start no answer.
    """

    data: bytes
    is_told_apart: bool = False


Step = Send | Pause | Close | Reset | SendWithNextRequest
FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "keep-alive"})
REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 500: "Internal Server Error", 503: "Service Unavailable"}


def status_line(status: int, version: str = "HTTP/1.1") -> bytes:
    return f"{version} {status} {REASONS.get(status, 'Status')}\r\n".encode()


def head(answer: Answer, *framing: str, version: str = "HTTP/1.1") -> bytes:
    """Status line and headers with these headers for the framing, and the empty line."""
    lines = [f"{name}: {value}" for name, value in answer.headers if name.lower() not in FRAMING]
    text = "".join(f"{line}\r\n" for line in [*lines, *framing])
    return status_line(answer.status, version) + text.encode("latin-1") + b"\r\n"


def plain(answer: Answer) -> bytes:
    """The answer as AWS sends it: with its length, on a connection that is kept."""
    return head(answer, f"Content-Length: {len(answer.body)}") + answer.body


def page(status: int, body: bytes, content_type: str = "text/html", *headers: str) -> bytes:
    """A whole answer that somebody else than AWS made."""
    lines = [f"Content-Type: {content_type}", f"Content-Length: {len(body)}", *headers]
    return status_line(status) + "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n" + body


def in_pieces(data: bytes, random: Random, most: int = 8, longest_pause_s: float = 0.003) -> list[Step]:
    """The same bytes split at random places, with short pauses between."""
    places = sorted(random.sample(range(1, len(data)), min(random.randrange(1, most), len(data) - 1)))
    steps: list[Step] = []
    for start, end in zip([0, *places], [*places, len(data)], strict=True):
        steps += [Send(data[start:end]), Pause(random.uniform(0.0, longest_pause_s))]
    return steps


def chunked(body: bytes, random: Random, *, extensions: bool = False, trailers: Sequence[str] = ()) -> bytes:
    """The body in chunks of random sizes."""
    coded, start = b"", 0
    while start < len(body):
        piece = body[start : start + random.choice([1, 7, 100, 1000, 5000])]
        extension = b';note="a; b"' if extensions else b""
        coded += f"{len(piece):x}".encode() + extension + b"\r\n" + piece + b"\r\n"
        start += len(piece)
    return coded + b"0\r\n" + "".join(f"{line}\r\n" for line in trailers).encode() + b"\r\n"
