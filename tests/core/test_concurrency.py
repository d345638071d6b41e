"""Many things, several at a time."""

from __future__ import annotations

import anyio
import pytest

from scanner.core.concurrency import map_ahead, map_bounded, unwrap_single_error
from scanner.core.errors import StoreError, Unavailable


async def test_results_come_in_the_order_of_the_items_whichever_was_ready_first():
    ready = {number: anyio.Event() for number in range(4)}
    ready[3].set()

    async def work(number):
        await ready[number].wait()
        if number:
            ready[number - 1].set()
        return number * 10

    assert await map_bounded(work, range(4), 4) == [0, 10, 20, 30]


async def test_only_so_many_are_under_way_and_they_begin_in_order():
    under_way, most, begun = 0, 0, []

    async def work(number):
        nonlocal under_way, most
        begun.append(number)
        under_way += 1
        most = max(most, under_way)
        await anyio.lowlevel.checkpoint()
        under_way -= 1

    await map_bounded(work, iter(range(20)), 3)

    assert (most, begun) == (3, list(range(20)))


async def test_a_bound_far_above_the_number_of_items_starts_no_task_that_has_nothing_to_do():
    async def work(number):
        return len(anyio.get_running_tasks())

    assert max(await map_bounded(work, range(2), 1_000)) < 10


async def test_nothing_to_do_is_no_result():
    async def work(number):
        return number

    assert await map_bounded(work, [], 3) == []


async def test_the_first_error_comes_bare_and_ends_the_others():
    ended = []

    async def work(number):
        if number == 1:
            raise StoreError("the disk is full")
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(number)

    with pytest.raises(StoreError, match="the disk is full"):
        await map_bounded(work, range(3), 3)
    assert sorted(ended) == [0, 2]


def test_a_bug_among_the_errors_is_not_hidden_behind_them():
    bug = KeyError("a bug")

    with pytest.raises(ExceptionGroup) as caught, unwrap_single_error():
        raise ExceptionGroup("both", [Unavailable("no answer"), ExceptionGroup("deep", [bug])])
    assert caught.value.subgroup(KeyError) is not None


async def test_results_come_in_order_and_no_more_are_made_ahead_than_asked_for():
    begun, running = [], []

    async def work(number):
        begun.append(number)
        running.append(number)
        await anyio.sleep(0.001 * (9 - number))
        running.remove(number)
        return number

    async with map_ahead(work, range(9), 3) as results:
        async for number in results:
            assert len(begun) <= number + 1 + 3
            assert begun[: number + 1] == list(range(number + 1))
        assert begun == list(range(9))


async def test_what_is_made_ahead_is_cancelled_when_the_block_ends():
    cancelled = []

    async def work(number):
        if number:
            try:
                await anyio.sleep_forever()
            finally:
                cancelled.append(number)
        return number

    async with map_ahead(work, range(9), 3) as results:
        assert await anext(results) == 0
        await anyio.wait_all_tasks_blocked()
    assert sorted(cancelled) == [1, 2, 3]
