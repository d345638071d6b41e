"""The faults of the chaos proxy themselves: each leaves it decided what a right client makes of it."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from random import Random

import aiohttp
import pytest

from tests.faults.chaos.answers import Answer, Close, Pause, Reset, Send, SendWithNextRequest, head, plain
from tests.faults.chaos.kinds import HARMLESS, KINDS, REFUSED, SURPLUS, Around
from tests.faults.chaos.mix import mix_of

HEADERS = (("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-RequestId", "1"))
ROWS = [{"KBId": f"KB{number}", "Title": "naïve"} for number in range(30)]
TRUE = Answer(200, HEADERS, json.dumps({"Patches": ROWS}, ensure_ascii=False).encode())
OTHER = Answer(200, HEADERS, json.dumps({"Patches": [{"KBId": "of another node"}]}).encode())
AROUND = Around(OTHER, "http://127.0.0.1:1", patience_s=0.2)
READ_TIMEOUT_S = 0.2


async def received(steps):
    """The status and body that aiohttp's client reads where a server takes these steps; None: no answer."""
    ended = asyncio.Event()

    async def answer(reader, writer):
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            for step in steps:
                match step:
                    case Send(data):
                        writer.write(data)
                        await writer.drain()
                    case Pause(seconds):
                        await asyncio.sleep(seconds)
                    case Close() | Reset():
                        writer.close()
            await reader.read()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        ended.set()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    timeout = aiohttp.ClientTimeout(total=2 * READ_TIMEOUT_S, sock_read=READ_TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as client,
            client.get(url, allow_redirects=False) as response,
        ):
            return response.status, await response.read()
    except (aiohttp.ClientError, TimeoutError):
        return None
    finally:
        server.close()
        await ended.wait()


def is_an_answer(got):
    """Whether a client of AWS could take it for the answer to its request."""
    if got is None or got[0] != 200:
        return False
    try:
        return "Patches" in json.loads(got[1])
    except (ValueError, RecursionError, TypeError):
        return False


@pytest.mark.parametrize("kind", HARMLESS, ids=lambda kind: kind.__name__)
async def test_a_harmless_fault_hands_the_answer_on_as_it_was(kind):
    for seed in range(4):
        got = await received(kind(TRUE, Random(seed), AROUND))
        # The trailers may hold a Content-Length, which a client may refuse.
        assert got == (200, TRUE.body) or (got is None and kind.__name__ == "in_chunks_with_trailers")


@pytest.mark.parametrize("kind", REFUSED, ids=lambda kind: kind.__name__)
async def test_a_fault_that_must_be_refused_leaves_nothing_that_looks_like_an_answer(kind):
    for seed in range(4):
        assert not is_an_answer(await received(kind(TRUE, Random(seed), AROUND)))


@pytest.mark.parametrize("kind", SURPLUS, ids=lambda kind: kind.__name__)
async def test_a_surplus_comes_behind_the_whole_answer_and_in_one_piece_with_its_end(kind):
    for seed in range(4):
        steps = kind(TRUE, Random(seed), AROUND)
        *before, last = [step.data for step in steps if isinstance(step, Send)]
        end = plain(TRUE).removeprefix(b"".join(before))
        assert last.startswith(end)
        assert len(last) > len(end) > 0
        assert not any(isinstance(step, SendWithNextRequest) for step in steps[:-1])


def test_a_byte_is_only_flipped_where_that_breaks_the_answer():
    for seed in range(200):
        (step,) = KINDS["bad_byte"](TRUE, Random(seed), AROUND)
        body = step.data[len(head(TRUE, f"Content-Length: {len(TRUE.body)}")) :]
        assert not is_an_answer((200, body))


def test_a_seed_means_the_same_at_all_times_and_two_hundred_of_them_meet_every_kind():
    mixes = [mix_of(seed) for seed in range(200)]

    assert [mix_of(seed) for seed in range(200)] == mixes
    assert {name for mix in mixes for name in mix.wire} == set(KINDS)
    assert {mix.store for mix in mixes} == {"folder", "s3"}
    assert {mix.transport for mix in mixes} == {"direct", "sdk"}
    assert {scan.mode for mix in mixes for scan in mix.scans} >= {"full", "delta"}
    assert {kill.by for mix in mixes for scan in mix.scans for kill in scan.kills} == {"SIGKILL", "SIGTERM"}
