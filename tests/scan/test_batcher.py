"""Delivered nodes become segments, by rows and by time."""

from __future__ import annotations

import anyio
import pytest

from scanner.core.errors import StoreError
from scanner.core.model import ManagedNode, NodeScan, NodeStatus, Target
from scanner.core.patch_rows import patch_rows_of
from scanner.scan.batcher import FlushRules, Read, write_segments
from tests.fake_fleet import patch

NEVER_S = 3600.0


def scanned(instance_id, rows=1):
    target = Target("111111111111", "eu-west-1")
    patches = patch_rows_of([patch("a")] * rows)
    return NodeScan(target, ManagedNode(instance_id), None, NodeStatus.VERIFIED, None, patches, 1, 0, 0)


async def write(scans, rules, put):
    send, receive = anyio.create_memory_object_stream[Read](1)
    async with receive, anyio.create_task_group() as group:
        group.start_soon(write_segments, receive, put, rules)
        async with send:
            for scan in scans:
                await send.send(scan)


async def test_a_segment_is_put_whenever_it_has_enough_rows_and_the_rest_at_the_end():
    segments = []

    async def put(scans, ended):
        segments.append([scan.node.instance_id for scan in scans])

    await write([scanned(f"i-{n}", rows=4) for n in range(5)], FlushRules(10, NEVER_S), put)

    assert segments == [["i-0", "i-1"], ["i-2", "i-3"], ["i-4"]]


async def test_a_segment_is_put_too_when_many_nodes_wait_that_have_no_rows():
    segments = []

    async def put(scans, ended):
        segments.append(len(scans))

    await write([scanned(f"i-{n}", rows=0) for n in range(5)], FlushRules(1_000, NEVER_S, nodes=2), put)

    assert segments == [2, 2, 1]


async def test_nothing_delivered_makes_no_segment():
    async def put(scans, ended):
        raise AssertionError(scans)

    await write([], FlushRules(10, 0.0), put)


async def test_nodes_that_wait_too_long_are_put_before_the_segment_is_full():
    arrived = anyio.Event()
    segments = []

    async def put(scans, ended):
        segments.append(len(scans))
        arrived.set()

    send, receive = anyio.create_memory_object_stream[Read](1)
    async with receive, anyio.create_task_group() as group:
        group.start_soon(write_segments, receive, put, FlushRules(1_000, 0.01))
        async with send:
            await send.send(scanned("i-1"))
            await arrived.wait()
            assert segments == [1]


async def test_a_slow_store_stops_the_readers():
    held = anyio.Event()

    async def put(scans, ended):
        await held.wait()

    send, receive = anyio.create_memory_object_stream[Read](1)
    async with receive, anyio.create_task_group() as group:
        group.start_soon(write_segments, receive, put, FlushRules(1, NEVER_S))
        async with send:
            await send.send(scanned("i-1"))
            await anyio.wait_all_tasks_blocked()
            send.send_nowait(scanned("i-2"))
            with pytest.raises(anyio.WouldBlock):
                send.send_nowait(scanned("i-3"))
            held.set()


async def test_a_reader_that_waits_while_the_store_fails_hears_of_the_store_alone():
    full = anyio.Event()

    async def put(scans, ended):
        await full.wait()
        raise StoreError("disk full")

    async def read(send):
        async with send:
            for number in range(9):
                await send.send(scanned(f"i-{number}"))

    async def run():
        send, receive = anyio.create_memory_object_stream[Read](1)
        async with receive, anyio.create_task_group() as group:
            group.start_soon(write_segments, receive, put, FlushRules(1, NEVER_S))
            group.start_soon(read, send)
            await anyio.wait_all_tasks_blocked()
            full.set()

    with pytest.raises(ExceptionGroup) as caught:
        await run()

    assert caught.value.split(StoreError)[1] is None


async def test_a_store_that_fails_stops_the_run():
    async def put(scans, ended):
        raise StoreError("disk full")

    with pytest.raises(ExceptionGroup) as caught:
        await write([scanned("i-1")], FlushRules(1, NEVER_S), put)

    assert caught.group_contains(StoreError)
