"""Nodes of several batches, read side by side by tasks that go on from node to node."""

from __future__ import annotations

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.core.concurrency import unwrap_single_error
from scanner.core.errors import RequestRejected
from scanner.scan.node_readers import NodeReaders


class Reads:
    """Stands for the reading of nodes, each of which takes as many turns of the event loop as it is given."""

    def __init__(self):
        self.begun = []
        self.ended = set()
        self.at_once = self.most_at_once = 0

    async def read(self, attempt):
        number, turns = attempt
        self.begun.append(number)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        for _ in range(turns):
            await anyio.lowlevel.checkpoint()
        self.at_once -= 1
        self.ended.add(number)


def test_every_node_is_read_once_in_the_order_of_the_batches_and_within_the_bound():
    @given(st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=6), max_size=5), st.integers(1, 4))
    def check(batches, most):
        numbers = iter(range(100))
        numbered = [[(next(numbers), turns) for turns in batch] for batch in batches]
        anyio.run(read_side_by_side, numbered, most)

    check()


async def read_side_by_side(batches, most):
    reads = Reads()

    async def read_batch(batch):
        await readers.read_all(batch)
        assert {number for number, _ in batch} <= reads.ended
        await readers.read_all([(100 + number, 0) for number, _ in batch])  # another round

    async with anyio.create_task_group() as tasks:
        readers = NodeReaders(reads.read, most, tasks)
        async with anyio.create_task_group() as reading:
            for batch in batches:
                reading.start_soon(read_batch, batch)
        tasks.cancel_scope.cancel()
    first_round = [number for number in reads.begun if number < 100]
    assert first_round == sorted(first_round)
    assert sorted(reads.begun) == sorted([*first_round, *(100 + number for number in first_round)])
    assert len(first_round) == sum(map(len, batches))
    assert reads.most_at_once <= most


async def test_an_error_ends_the_reading_of_all():
    async def read(attempt):
        if attempt == "bad":
            raise RequestRejected(attempt)
        await anyio.sleep_forever()

    async def read_all():
        async with anyio.create_task_group() as tasks:
            await NodeReaders(read, 2, tasks).read_all(["good", "bad", "never begun"])

    with pytest.raises(RequestRejected, match="bad"), unwrap_single_error():
        await read_all()
