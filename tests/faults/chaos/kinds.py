"""What an honest but clumsy network does to an answer, each kind by its name.

Every kind leaves the right outcome defined: the answer can still be read as it was (`HARMLESS`), or it can be told
from one of AWS and the request has to be sent again (`REFUSED`), or it is right and something follows that must not
be taken for the next answer (`SURPLUS`). So bytes are flipped only where that breaks HTTP, UTF-8 or JSON: a bit
flipped inside a string makes another well-formed answer, which no client can know over plain HTTP, and TLS refuses.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from random import Random

from msgspec import Struct

from tests.faults.chaos.answers import (
    Answer,
    Close,
    Pause,
    Reset,
    Send,
    SendWithNextRequest,
    Step,
    chunked,
    head,
    in_pieces,
    page,
    plain,
    status_line,
)


class Around(Struct, frozen=True):
    """What a kind needs to know besides the answer.

    `other` is an answer to another request of the same operation; `trap` is the address of a server that must never
    be asked; `patience_s` is the client's read time-out.
    """

    other: Answer
    trap: str
    patience_s: float


Kind = Callable[[Answer, Random, Around], list[Step]]


def _length(answer: Answer, more: int = 0) -> str:
    return f"Content-Length: {len(answer.body) + more}"


# Answers that can still be read as they were.


def split(answer: Answer, random: Random, _: Around) -> list[Step]:
    return in_pieces(plain(answer), random)


def head_byte_by_byte(answer: Answer, _random: Random, _: Around) -> list[Step]:
    start = head(answer, _length(answer))
    return [Send(start[n : n + 1]) for n in range(len(start))] + [Send(answer.body)]


def slow(answer: Answer, random: Random, around: Around) -> list[Step]:
    whole, share = plain(answer), random.uniform(0.02, 0.1)
    at = random.randrange(len(whole))
    return [Send(whole[:at]), Pause(share * around.patience_s), Send(whole[at:])]


def ended_by_close(answer: Answer, random: Random, _: Around) -> list[Step]:
    said = random.choice([["Connection: close"], []])
    return [*in_pieces(head(answer, *said) + answer.body, random), Close()]


def http_1_0(answer: Answer, random: Random, _: Around) -> list[Step]:
    framing = random.choice([[], [_length(answer)]])
    return [*in_pieces(head(answer, *framing, version="HTTP/1.0") + answer.body, random), Close()]


def http_1_0_kept(answer: Answer, _random: Random, _: Around) -> list[Step]:
    return [Send(head(answer, _length(answer), "Connection: keep-alive", version="HTTP/1.0") + answer.body)]


def in_chunks(answer: Answer, random: Random, _: Around) -> list[Step]:
    body = chunked(answer.body, random, extensions=random.random() < 0.3)
    return in_pieces(head(answer, "Transfer-Encoding: chunked") + body, random)


def in_chunks_with_trailers(answer: Answer, random: Random, _: Around) -> list[Step]:
    trailers = ["X-Checksum: 0a1b", "Server-Timing: edge;dur=3", "Content-Length: 7"][: random.randrange(1, 4)]
    body = chunked(answer.body, random, trailers=trailers)
    return in_pieces(head(answer, "Transfer-Encoding: chunked", "Trailer: X-Checksum") + body, random)


def after_interim_answers(answer: Answer, random: Random, _: Around) -> list[Step]:
    interim = b"".join(
        random.choice(
            [
                b"HTTP/1.1 100 Continue\r\n\r\n",
                b"HTTP/1.1 102 Processing\r\n\r\n",
                b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n",
            ]
        )
        for _ in range(random.randrange(1, 4))
    )
    if random.random() < 0.5:
        return [Send(interim), Pause(0.002), Send(plain(answer))]
    return in_pieces(interim + plain(answer), random)


def odd_headers(answer: Answer, random: Random, _: Around) -> list[Step]:
    names = [f"{name.lower()}:{value}  " for name, value in answer.headers if name.lower() == "content-type"]
    odd = [*names, f"CONTENT-LENGTH:\t{len(answer.body)}", "Via: 1.1 caf\xe9", "X-Empty:", "Set-Cookie: a=1; b=2"]
    random.shuffle(odd)
    return [Send(status_line(answer.status) + "\r\n".join(odd).encode("latin-1") + b"\r\n\r\n" + answer.body)]


def closed_afterwards(answer: Answer, random: Random, _: Around) -> list[Step]:
    said = random.choice([["Connection: close"], []])
    return [Send(head(answer, _length(answer), *said) + answer.body), Close()]


# Answers that no client may take: the request has to be sent again.


def closed(_answer: Answer, _random: Random, _: Around) -> list[Step]:
    return [Close()]


def reset(_answer: Answer, _random: Random, _: Around) -> list[Step]:
    return [Reset()]


def cut(answer: Answer, random: Random, _: Around) -> list[Step]:
    whole = plain(answer)
    return [Send(whole[: random.randrange(1, len(whole))]), random.choice([Close(), Reset()])]


def cut_in_chunks(answer: Answer, random: Random, _: Around) -> list[Step]:
    whole = head(answer, "Transfer-Encoding: chunked") + chunked(answer.body, random)
    return [Send(whole[: random.randrange(1, len(whole) - 4)]), random.choice([Close(), Reset()])]


def cut_and_ended_by_close(answer: Answer, random: Random, _: Around) -> list[Step]:
    keep = random.randrange(len(answer.body)) if answer.body else 0
    return [Send(head(answer, "Connection: close") + answer.body[:keep]), Close()]


def length_too_short(answer: Answer, random: Random, _: Around) -> list[Step]:
    less = random.randrange(1, len(answer.body) + 1) if answer.body else 0
    return [Send(head(answer, _length(answer, -less)) + answer.body)]


def length_too_long(answer: Answer, random: Random, _: Around) -> list[Step]:
    return [Send(head(answer, _length(answer, random.randrange(1, 5000))) + answer.body), Close()]


def length_nonsense(answer: Answer, random: Random, _: Around) -> list[Step]:
    size = len(answer.body)
    lines = random.choice([[f"{size}abc"], ["-1"], [str(size), str(size + 3)], ["9" * 40]])
    return [Send(head(answer, *(f"Content-Length: {line}" for line in lines)) + answer.body), Close()]


def chunk_size_nonsense(answer: Answer, random: Random, _: Around) -> list[Step]:
    size = random.choice([b"zz", b"-5", b"fffffffffffffffffff", b""])
    return [Send(head(answer, "Transfer-Encoding: chunked") + size + b"\r\n" + answer.body + b"\r\n0\r\n\r\n"), Close()]


def bad_byte(answer: Answer, random: Random, _: Around) -> list[Step]:
    """One byte of the body's outer brackets becomes another: no JSON, and no XML."""
    body = bytearray(answer.body)
    if not body:
        return [Close()]
    body[random.choice([0, -1])] = random.choice(b"\x00\x01\x1f,;\x7f\x80\xc3\xff")
    return [Send(plain(Answer(answer.status, answer.headers, bytes(body))))]


def nested_deep(answer: Answer, random: Random, _: Around) -> list[Step]:
    depth = random.choice([1_500, 100_000])
    body = random.choice([b'{"x":' + b"[" * depth, b"[" * depth, b'{"__type":' * depth, b"<a>" * depth])
    status = random.choice([200, 400, 403, 500, 502])
    return [Send(page(status, body, answer.content_type or "application/json"))]


def page_of_a_proxy(_answer: Answer, random: Random, _: Around) -> list[Step]:
    status = random.choice([200, 401, 403, 404, 407, 408, 429, 500, 502, 503, 504])
    text = random.choice(
        [
            "<html><head><title>Error</title></head><body><h1>Zugriff verweigert: unzul\xe4ssig</h1></body></html>",
            "<!DOCTYPE html><p>It works!",
            "upstream connect error or disconnect/reset before headers",
            '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body>Login</body></html>',
        ]
    )
    more = ["Proxy-Authenticate: Basic realm=proxy"] if status == 407 else []
    return [Send(page(status, text.encode(random.choice(["latin-1", "utf-8", "utf-16"])), "text/html", *more))]


def json_of_a_proxy(_answer: Answer, random: Random, _: Around) -> list[Step]:
    body = random.choice([b"[]", b"null", b'"Forbidden"', b"42", b"{}", b'{"errors":[{"code":1}]}', b""])
    status = random.choice([401, 403, 404, 407, 500, 502, 503])
    return [Send(page(status, body, "application/json"))]


def redirect(_answer: Answer, random: Random, around: Around) -> list[Step]:
    status = random.choice([300, 301, 302, 303, 304, 305, 307, 308])
    body = b"" if status == 304 else b"<html><body>Moved</body></html>"
    location = random.choice([f"Location: {around.trap}/elsewhere", f"location: {around.trap}"])
    return [Send(page(status, body, "text/html", location))]


def no_content(_answer: Answer, random: Random, _: Around) -> list[Step]:
    return [Send(random.choice([b"HTTP/1.1 204 No Content\r\n\r\n", page(205, b""), page(202, b"")]))]


def compressed(answer: Answer, _random: Random, _: Around) -> list[Step]:
    body = gzip.compress(answer.body)
    return [Send(head(answer, "Content-Encoding: gzip", f"Content-Length: {len(body)}") + body)]


def no_http(_answer: Answer, random: Random, _: Around) -> list[Step]:
    said = [b"SSH-2.0-OpenSSH_9.6\r\n", b"\x15\x03\x01\x00\x02\x02\x46", b"HTTP/1.1 2\xff0 OK\r\n\r\n", b"\r\n" * 9]
    return [Send(random.choice(said)), Close()]


def head_without_end(answer: Answer, _random: Random, _: Around) -> list[Step]:
    filler = b"".join(b"X-Filler-%d: %s\r\n" % (n, b"x" * 1000) for n in range(1000))
    return [Send(status_line(answer.status) + filler + f"{_length(answer)}\r\n\r\n".encode() + answer.body), Close()]


def interim_only(_answer: Answer, random: Random, _: Around) -> list[Step]:
    return [Send(random.choice([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n"])), Close()]


def other_protocol(_answer: Answer, _random: Random, _: Around) -> list[Step]:
    return [Send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n"), Close()]


def too_late(answer: Answer, _random: Random, around: Around) -> list[Step]:
    return [Pause(around.patience_s * 1.2), Send(plain(answer))]


# A right answer, and then bytes that belong to nothing.


def surplus_answer(answer: Answer, _random: Random, around: Around) -> list[Step]:
    return [Send(plain(answer) + plain(around.other))]


def surplus_answer_with_a_later_body(answer: Answer, _random: Random, around: Around) -> list[Step]:
    other = around.other
    return [Send(plain(answer) + head(other, _length(other))), SendWithNextRequest(other.body)]


def surplus_answer_behind_a_late_body(answer: Answer, random: Random, around: Around) -> list[Step]:
    """The client reads the body already when its end and the surplus come together."""
    whole, other = plain(answer), plain(around.other)
    at = len(whole) - random.randrange(1, len(answer.body) + 1) if answer.body else 1
    steps: list[Step] = [Send(whole[:at]), Pause(0.01)]
    if random.random() < 0.5:
        return [*steps, Send(whole[at:] + other)]
    end = len(other) - len(around.other.body)
    return [*steps, Send(whole[at:] + other[:end]), SendWithNextRequest(other[end:])]


def surplus_answer_split(answer: Answer, random: Random, around: Around) -> list[Step]:
    other = plain(around.other)
    at = random.randrange(1, len(other))
    is_in_head = b"\r\n\r\n" not in other[:at]
    return [Send(plain(answer) + other[:at]), SendWithNextRequest(other[at:], is_told_apart=is_in_head)]


def surplus_interim_answer(answer: Answer, random: Random, around: Around) -> list[Step]:
    status = random.choice([100, 102, 103])
    return [Send(plain(answer) + status_line(status) + b"\r\n"), SendWithNextRequest(plain(around.other))]


def surplus_bytes(answer: Answer, random: Random, around: Around) -> list[Step]:
    rest = random.choice([b"0\r\n\r\n", b"}", b"\x00", json.dumps({"Patches": []}).encode()])
    return [Send(plain(answer) + rest), SendWithNextRequest(plain(around.other))]


HARMLESS: tuple[Kind, ...] = (
    split, head_byte_by_byte, slow, ended_by_close, http_1_0, http_1_0_kept, in_chunks, in_chunks_with_trailers,
    after_interim_answers, odd_headers, closed_afterwards,
)  # fmt: skip
REFUSED: tuple[Kind, ...] = (
    closed, reset, cut, cut_in_chunks, cut_and_ended_by_close, length_too_short, length_too_long, length_nonsense,
    chunk_size_nonsense, bad_byte, nested_deep, page_of_a_proxy, json_of_a_proxy, redirect, no_content, compressed,
    no_http, head_without_end, interim_only, other_protocol, too_late,
)  # fmt: skip
SURPLUS: tuple[Kind, ...] = (
    surplus_answer, surplus_answer_with_a_later_body, surplus_answer_behind_a_late_body, surplus_answer_split,
    surplus_interim_answer, surplus_bytes,
)  # fmt: skip
KINDS: dict[str, Kind] = {kind.__name__: kind for kind in (*HARMLESS, *REFUSED, *SURPLUS)}
#: What is done to the answers of S3: nothing that its own clients do not survive on plain HTTP.
OF_S3 = ("split", "slow", "in_chunks", "after_interim_answers", "closed_afterwards", "closed", "reset", "cut")
