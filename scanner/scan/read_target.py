"""Reads one open target: its nodes, their patch states and patches, each node verified before it is delivered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from msgspec import Struct

from scanner.core.errors import AwsError, PaginationBroken
from scanner.core.interfaces import Clock, TargetReader
from scanner.core.model import NO_PATCHES, ManagedNode, NodeScan, NodeStatus, PatchRows, PatchState, Target
from scanner.core.patch_rows import PatchRowsBuilder
from scanner.scan.verify import (
    Listing,
    NodeWork,
    Reading,
    Verdict,
    batches,
    fingerprint,
    gap_of,
    judge,
    max_pages,
    needs_second_look,
)

Deliver = Callable[[NodeScan], Awaitable[None]]
"""Takes a node that has ended; waits while the store or a sink is behind."""

BATCH_ROWS = 2_500
"""Rows that wait together for the second look at their patch states: bounds memory, and costs few calls."""
BATCHES_SIDE_BY_SIDE = 3
"""So that a target never idles while the last node of a batch is read."""


class ReadingRules(Struct, frozen=True):
    """How nodes are read: the State filter (empty: none), the states that can be verified, and the bounds."""

    states: tuple[str, ...]
    comparable: frozenset[str]
    max_nodes: int
    max_restarts: int


class TargetJob(Struct, frozen=True):
    """What one target's reading needs to know.

    `done` are the instance ids an interrupted run has delivered already; `is_unchanged` says whether the last
    committed scan holds this very patch state, so that the node need not be read.
    """

    target: Target
    rules: ReadingRules
    deliver: Deliver
    done: Collection[str]
    is_unchanged: Callable[[Target, PatchState], bool]
    nodes_found: Callable[[Target, int], None]
    now: Clock


class _Attempted(Struct):
    """A node on its way through the readings: its last one with its rows, or its last error, and `earlier` rows."""

    work: NodeWork
    reading: Reading | None = None
    patches: PatchRows = NO_PATCHES
    error: AwsError | None = None
    pages: int = 0
    restarts: int = 0
    rounds: int = 0
    disagreed: bool = False
    earlier: PatchRows | None = None


async def read_target(job: TargetJob, reader: TargetReader) -> int:
    """Deliver every node of the target; gives the number of nodes found.

    Raises:
        AwsError: the nodes could not be listed to the end; what was found was delivered all the same.
        RequestRejected: AWS calls the request itself wrong.
    """
    send, receive = anyio.create_memory_object_stream[list[NodeWork]](0)
    places = anyio.Semaphore(job.rules.max_nodes, fast_acquire=True)
    found = 0
    failure: AwsError | None = None
    async with receive, anyio.create_task_group() as workers:
        for _ in range(BATCHES_SIDE_BY_SIDE):
            workers.start_soon(_read_batches, job, reader, receive, places)
        async with send:
            try:
                async for nodes in reader.nodes():
                    found += len(nodes)
                    job.nodes_found(job.target, len(nodes))
                    await _plan_page(job, reader, [n for n in nodes if n.instance_id not in job.done], send)
            except AwsError as error:
                failure = error
    if failure is not None:
        raise failure
    return found


async def _plan_page(
    job: TargetJob,
    reader: TargetReader,
    nodes: Sequence[ManagedNode],
    send: MemoryObjectSendStream[list[NodeWork]],
) -> None:
    if not nodes:
        return
    try:
        states = await reader.patch_states([node.instance_id for node in nodes])
    except AwsError as error:
        for node in nodes:
            await job.deliver(_failed(job, NodeWork(node, None), error))
        return
    to_read = []
    for node in nodes:
        state = states.get(node.instance_id)
        if state is not None and job.is_unchanged(job.target, state):
            await job.deliver(_ended(job, NodeWork(node, state), Verdict(NodeStatus.UNCHANGED)))
        else:
            to_read.append(NodeWork(node, state))
    for batch in batches(to_read, job.rules.states, BATCH_ROWS):
        await send.send(batch)


async def _read_batches(
    job: TargetJob,
    reader: TargetReader,
    receive: MemoryObjectReceiveStream[list[NodeWork]],
    places: anyio.Semaphore,
) -> None:
    async for batch in receive:
        pending = [_Attempted(work) for work in batch]
        while pending:
            async with anyio.create_task_group() as nodes:
                for attempted in pending:
                    nodes.start_soon(_read_in_turn, job.rules, reader, attempted, places)
            states = await _second_look(job, reader, pending)
            pending = [attempted for attempted in pending if not await _settle(job, attempted, states)]


async def _read_in_turn(
    rules: ReadingRules, reader: TargetReader, attempted: _Attempted, places: anyio.Semaphore
) -> None:
    async with places:
        await _read_node(rules, reader, attempted)


async def _read_node(rules: ReadingRules, reader: TargetReader, attempted: _Attempted) -> None:
    """One whole reading; broken pagination drops the pages and starts again, as often as the rules allow."""
    instance_id = attempted.work.node.instance_id
    attempted.reading = attempted.error = None
    attempted.rounds += 1
    broken = 0
    while attempted.reading is None and attempted.error is None:
        listing = Listing(max_pages(attempted.work, broken))
        rows = PatchRowsBuilder()
        token = None
        try:
            while token is not None or not listing.pages:
                page = await reader.patch_page(instance_id, token)
                token = listing.add(page)
                rows.add(page.patches)
                # Now, while the processor's cache holds it: the next page comes a thousand others later.
                del page
            attempted.patches = rows.rows()
            attempted.reading = listing.reading(attempted.patches)
        except PaginationBroken as error:
            broken += 1
            if broken > rules.max_restarts:
                attempted.error = error
            else:
                attempted.restarts += 1
        except AwsError as error:
            attempted.error = error
        attempted.pages += listing.pages


async def _second_look(
    job: TargetJob, reader: TargetReader, pending: Sequence[_Attempted]
) -> Mapping[str, PatchState] | AwsError:
    """The patch states after the reading, asked in one call for all nodes that need it."""
    ids = [
        attempted.work.node.instance_id
        for attempted in pending
        if attempted.reading and needs_second_look(attempted.work, attempted.reading, job.rules.comparable)
    ]
    if not ids:
        return {}
    try:
        return await reader.patch_states(ids)
    except AwsError as error:
        return error


async def _settle(job: TargetJob, attempted: _Attempted, states: Mapping[str, PatchState] | AwsError) -> bool:
    """Deliver the node if its reading can be trusted, or never will be; False: it has to be read again."""
    work, reading, comparable = attempted.work, attempted.reading, job.rules.comparable
    if reading is None:
        assert attempted.error is not None
        await job.deliver(_failed(job, work, attempted.error, attempted))
        return True
    after = work.state
    if needs_second_look(work, reading, comparable):
        if isinstance(states, AwsError):
            await job.deliver(_failed(job, work, states, attempted))
            return True
        after = states.get(work.node.instance_id)
    verdict = judge(
        work.state,
        after,
        reading,
        comparable,
        read_before=attempted.disagreed,
        repeats=attempted.earlier == attempted.patches,
        may_read_again=attempted.rounds <= job.rules.max_restarts,
    )
    newest = NodeWork(work.node, after or work.state)
    if verdict.status is not None:
        await job.deliver(_ended(job, newest, verdict, attempted, attempted.patches))
        return True
    attempted.restarts += 1
    # Held on to only where nothing else can tell whether the rows belong together.
    attempted.earlier = attempted.patches if after is None else None
    attempted.disagreed = fingerprint(work.state) == fingerprint(after)
    attempted.work = newest
    return False


def _failed(job: TargetJob, work: NodeWork, error: AwsError, attempted: _Attempted | None = None) -> NodeScan:
    return _ended(job, work, Verdict(*gap_of(error)), attempted)


def _ended(
    job: TargetJob,
    work: NodeWork,
    verdict: Verdict,
    attempted: _Attempted | None = None,
    patches: PatchRows = NO_PATCHES,
) -> NodeScan:
    assert verdict.status is not None
    return NodeScan(
        target=job.target,
        node=work.node,
        state=work.state,
        status=verdict.status,
        reason=verdict.reason,
        patches=patches,
        pages=attempted.pages if attempted else 0,
        restarts=attempted.restarts if attempted else 0,
        scanned_at=int(job.now() * 1000),
    )
