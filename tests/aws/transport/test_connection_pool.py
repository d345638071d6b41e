"""Answers as they come over the wire, whole, torn, late and wrong."""

from __future__ import annotations

import ssl
import tracemalloc
from contextlib import contextmanager

import anyio
import pytest

from scanner.aws.transport.connection_pool import MAX_IDLE_S, Connections
from scanner.aws.transport.interface import MAX_ANSWER_BYTES, ConnectionFailure, NoResponse
from tests.aws.transport.byte_server import ByteServer
from tests.aws.transport.byte_server import serving as byte_serving
from tests.aws.transport.raw_server import Hang, answer, serving

REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


def no_tls():
    raise AssertionError("plain HTTP needs no TLS settings")


@contextmanager
def connections(*, tls=no_tls, connect_timeout_s=5.0, read_timeout_s=5.0, clock=lambda: 0.0):
    made = Connections(tls, connect_timeout_s=connect_timeout_s, read_timeout_s=read_timeout_s, clock=clock)
    try:
        yield made
    finally:
        made.close()


def url(server, scheme="http"):
    return f"{scheme}://127.0.0.1:{server.port}"


async def post(pool, server, scheme="http"):
    """Returns the status and body of one answer."""
    got = await pool.post(url(server, scheme), REQUEST)
    return got.status, got.body


async def test_answers_come_over_one_kept_connection():
    async with serving([answer(b"one"), answer(b"two", "400 Bad Request"), answer(b"")]) as server:
        with connections() as pool:
            answers = [await post(pool, server) for _ in range(3)]

    assert answers == [(200, b"one"), (400, b"two"), (200, b"")]
    assert server.connections == 1
    assert server.requests == [REQUEST] * 3


async def test_an_idle_connection_keeps_nothing_of_a_large_answer():
    large = 4_000_000
    async with serving([answer(bytes(large)), answer(b"two")]) as server:
        with connections() as pool:
            tracemalloc.start()
            try:
                assert len((await post(pool, server))[1]) == large
                await anyio.wait_all_tasks_blocked()
                held, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert await post(pool, server) == (200, b"two")

    assert held < large / 2


async def test_requests_side_by_side_have_a_connection_each():
    async with serving([answer(b"x")] * 3) as server:
        with connections() as pool:
            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(pool.post, url(server), REQUEST)

    assert server.connections == 3


async def test_a_chunked_answer_is_put_together():
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"

    async with serving([chunked, answer(b"next")]) as server:
        with connections() as pool:
            assert await post(pool, server) == (200, b"abcde")
            assert await post(pool, server) == (200, b"next")


async def test_a_connection_the_server_closes_is_not_used_again():
    async with serving([answer(b"one", "200 OK", "Connection: close"), answer(b"two")]) as server:
        with connections() as pool:
            await pool.post(url(server), REQUEST)
            assert await post(pool, server) == (200, b"two")

    assert server.connections == 2


async def test_a_connection_idle_for_long_is_not_used_again():
    now = 0.0

    async with serving([answer(b"one"), answer(b"two")]) as server:
        with connections(clock=lambda: now) as pool:
            await pool.post(url(server), REQUEST)
            now = MAX_IDLE_S
            await pool.post(url(server), REQUEST)

    assert server.connections == 2


@pytest.mark.parametrize(
    ("torn", "says"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nabc", "before the answer was complete"),
        (b"HTTP/1.1 200 OK\r\nConnection: close", "before the answer was complete"),
        (b"SSH-2.0-OpenSSH\r\nconnection: close\r\n", "not HTTP"),
        (
            f"HTTP/1.1 200 OK\r\nContent-Length: {MAX_ANSWER_BYTES + 1}\r\nConnection: close\r\n\r\n".encode()
            + bytes(MAX_ANSWER_BYTES + 1),
            "more than",
        ),
    ],
    ids=["torn body", "torn head", "not HTTP", "too large"],
)
async def test_an_answer_that_is_not_whole_is_no_answer_and_the_next_one_is_fresh(torn, says):
    async with serving([torn, answer(b"fine")]) as server:
        with connections() as pool:
            with pytest.raises(NoResponse, match=says) as caught:
                await pool.post(url(server), REQUEST)
            assert await post(pool, server) == (200, b"fine")

    assert caught.value.kind is ConnectionFailure.CONNECTION
    assert server.connections == 2


async def test_bytes_nobody_asked_for_end_the_connection():
    async with serving([answer(b"one") + answer(b"stray"), answer(b"two")]) as server:
        with connections() as pool:
            assert await post(pool, server) == (200, b"one")
            await anyio.wait_all_tasks_blocked()
            assert await post(pool, server) == (200, b"two")


async def test_a_server_that_hangs_is_given_up_after_the_read_time_out():
    async with serving([Hang(), answer(b"fine")]) as server:
        with connections(read_timeout_s=0.05) as pool:
            with pytest.raises(NoResponse, match="no answer within"):
                await pool.post(url(server), REQUEST)
            assert await post(pool, server) == (200, b"fine")


async def test_a_request_that_is_cancelled_takes_its_connection_with_it():
    async with serving([Hang(), answer(b"fine")]) as server:
        with connections() as pool:
            with anyio.move_on_after(0.05) as scope:
                await pool.post(url(server), REQUEST)
            assert scope.cancelled_caught
            assert await post(pool, server) == (200, b"fine")


async def test_nobody_listening_is_a_broken_connection_and_an_unknown_name_has_no_endpoint(unused_tcp_port):
    with connections() as pool:
        with pytest.raises(NoResponse) as refused:
            await pool.post(f"http://127.0.0.1:{unused_tcp_port}", REQUEST)
        with pytest.raises(NoResponse) as unknown:
            await pool.post("http://no-such-host.invalid", REQUEST)

    assert refused.value.kind is ConnectionFailure.CONNECTION
    assert unknown.value.kind in (ConnectionFailure.NO_SUCH_HOST, ConnectionFailure.CONNECTION)


async def test_a_certificate_that_is_not_trusted_is_named(own_certificate):
    async with serving([answer(b"secret")], own_certificate.server) as server:
        with (
            connections(tls=ssl.create_default_context) as pool,
            pytest.raises(NoResponse, match="certificate") as caught,
        ):
            await pool.post(url(server, "https"), REQUEST)

    assert caught.value.kind is ConnectionFailure.UNTRUSTED
    assert server.requests == []


async def test_tls_with_a_trusted_certificate_works(own_certificate):
    async with serving([answer(b"fine")], own_certificate.server) as server:
        with connections(tls=lambda: own_certificate.client) as pool:
            assert await post(pool, server, "https") == (200, b"fine")


async def test_a_connection_with_an_interim_answer_is_not_used_again():
    interim = b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b"one")
    async with serving([interim, answer(b"two")]) as server:
        with connections() as pool:
            assert await post(pool, server) == (200, b"one")
            assert await post(pool, server) == (200, b"two")

    assert server.connections == 2


async def test_a_change_of_protocol_is_no_answer():
    switching = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"
    async with serving([switching, answer(b"fine")]) as server:
        with connections() as pool:
            with pytest.raises(NoResponse, match="another protocol"):
                await pool.post(url(server), REQUEST)
            assert await post(pool, server) == (200, b"fine")


async def test_bytes_that_came_since_the_last_answer_end_the_connection_before_a_request_is_sent():
    """They wait in the socket: the event loop had no turn to read them."""
    async with byte_serving(ByteServer([[[answer(b"one")], [answer(b"lost")]], [[answer(b"two")]]], False)) as server:
        with connections() as pool:
            assert await post(pool, server) == (200, b"one")
            server.writers[0].write(b"HTTP/1.1 200 OK\r\n")
            assert await post(pool, server) == (200, b"two")

    assert server.connections == 2


@pytest.mark.parametrize(
    "flood",
    [b"X: " + b"a" * 70_000, b"A: b\r\n" * 12_000, b"HTTP/1.1 100 Continue\r\n\r\n" * 4_000],
    ids=["one header", "many headers", "interim answers"],
)
async def test_headers_without_end_are_refused(flood):
    """Without a closing line end: only the bound ends the wait."""
    start = b"" if flood.startswith(b"HTTP") else b"HTTP/1.1 200 OK\r\n"
    pieces = [start + flood[:50_000], flood[50_000:], b"HTTP/1.1 1"]
    async with byte_serving(ByteServer([[pieces]], False)) as server:
        with connections() as pool, pytest.raises(NoResponse, match="headers"):
            await pool.post(url(server), REQUEST)
