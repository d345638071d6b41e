"""How many targets the threads of one worker process have open together."""

from __future__ import annotations

from threading import Thread

import anyio
import pytest
from anyio import to_thread

from scanner.app.engines.gate import ProcessGate


class Watched:
    """Opens targets at a gate, and remembers how many were open with each."""

    def __init__(self, most: int) -> None:
        self.gate = ProcessGate()
        self.most = most
        self.open = 0
        self.seen: list[tuple[bool, int]] = []

    async def read(self, *, alone: bool = False) -> None:
        async with self.gate.opened(self.most, alone=alone):
            self.open += 1
            await anyio.sleep(0.001)
            self.seen.append((alone, self.open))
            self.open -= 1

    async def read_all(self, *kinds: bool) -> None:
        async with anyio.create_task_group() as group:
            for alone in kinds:
                group.start_soon(lambda alone=alone: self.read(alone=alone))


async def test_no_more_targets_are_open_than_a_process_may_have():
    watched = Watched(3)
    await watched.read_all(*[False] * 20)
    assert max(count for _, count in watched.seen) == 3
    assert len(watched.seen) == 20


async def test_a_target_that_is_read_alone_shares_the_process_with_no_thread():
    watched = Watched(4)
    threads = [Thread(target=anyio.run, args=(watched.read_all, False, True, False, False, True)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await to_thread.run_sync(thread.join)
    assert len(watched.seen) == 15
    assert {count for alone, count in watched.seen if alone} == {1}


async def test_a_target_that_is_given_up_while_it_waits_keeps_nobody_out():
    watched = Watched(1)
    async with watched.gate.opened(1, alone=True):
        with anyio.move_on_after(0.01):
            await watched.read()
    with anyio.fail_after(30.0):
        await watched.read()
    assert watched.seen == [(False, 1)]


async def test_an_error_leaves_the_gate_open():
    watched = Watched(1)
    with pytest.raises(RuntimeError, match="no"):
        async with watched.gate.opened(1, alone=True):
            raise RuntimeError("no")
    with anyio.fail_after(30.0):
        await watched.read(alone=True)
