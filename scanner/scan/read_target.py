"""Reads one open target: its nodes, their patch states and patches; each node is delivered once it can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from scanner.core.batches import batches
from scanner.core.errors import AwsError
from scanner.core.interfaces import TargetReader
from scanner.core.model import ManagedNode, NodeScan, NodeStatus, PatchState, Target
from scanner.scan.choice import CarryAll, Choice, ReadWhole
from scanner.scan.cost import filtered_pages
from scanner.scan.estimate import BATCHES_SIDE_BY_SIDE, ListedNode, expected_rows
from scanner.scan.job import ScanJob
from scanner.scan.listing import Listing
from scanner.scan.node_attempt import Deliver, NodeAttempt
from scanner.scan.node_readers import NodeReaders
from scanner.scan.target_machines import TargetFindings, TargetMachines

NODES_A_PAGE = 50  # the most ids that DescribeInstancePatchStates takes

Batch = list[NodeAttempt]


async def read_target(target: Target, reader: TargetReader, job: ScanJob) -> TargetFindings:
    """Delivers every machine of the target that `job.done` does not name; returns what else was found out.

    Raises:
        AwsError: the nodes could not be listed to the end; those before were delivered.
        RequestRejected: AWS calls the request itself wrong.
    """
    failure: AwsError | None = None
    send, receive = anyio.create_memory_object_stream[Batch](0)
    reading = _TargetReading(target, reader, job)
    async with anyio.create_task_group() as node_tasks:
        readers = NodeReaders(reading.read_node, job.rules.max_nodes, node_tasks)
        async with receive, anyio.create_task_group() as workers:
            for _ in range(BATCHES_SIDE_BY_SIDE):
                workers.start_soon(reading.read_batches, receive, readers)
            async with send:
                try:
                    await reading.list_nodes(send)
                except AwsError as error:
                    failure = error
        node_tasks.cancel_scope.cancel()  # they wait for further nodes
    if failure is not None:
        raise failure
    return await reading.machines.findings()


class _TargetReading:
    """The steps of one target."""

    def __init__(self, target: Target, reader: TargetReader, job: ScanJob) -> None:
        self._target = target
        self._reader = reader
        self._job = job
        key = (target.account_id, target.region)
        self._done = job.done.get(key, ())
        self.machines = TargetMachines(
            reader.sources, job.now, job.rules.nodes, baseline_ids=job.done_baseline_ids.get(key, ())
        )
        self._stopped: dict[str, str] = {}  # why a machine that is not listed counts as stopped, by instance id

    async def list_nodes(self, send: MemoryObjectSendStream[Batch]) -> None:
        """Lists the nodes, a page at a time, and sends those that have to be read, in batches.

        The first page shows that the target can be read at all; only then other sources are asked.
        """
        is_open = False
        async for nodes in self._reader.nodes():
            if not is_open:
                await self.machines.load()
                is_open = True
            await self.machines.add(nodes)
            await self._send(nodes, send)
        await self._end_unlisted(send)

    async def _send(self, nodes: Sequence[ManagedNode], send: MemoryObjectSendStream[Batch]) -> None:
        for observer in self._job.observers:
            observer.nodes_found(self._target, len(nodes))
        to_read = await self._to_read([node for node in nodes if node.instance_id not in self._done])
        for batch in batches(to_read, self._rows_in_memory, self._job.batch_rows):
            await send.send(batch)

    async def _end_unlisted(self, send: MemoryObjectSendStream[Batch]) -> None:
        """Ends the machines that the listing did not name; of stopped ones AWS may still have the last patches."""
        unlisted = [each for each in await self.machines.unlisted() if each.node.instance_id not in self._done]
        self._stopped = {each.node.instance_id: each.reason for each in unlisted if each.status is NodeStatus.STOPPED}
        for each in unlisted:
            if each.status is not NodeStatus.STOPPED:
                for observer in self._job.observers:
                    observer.nodes_found(self._target, 1)
                attempt = NodeAttempt(each.node, None, self._job.rules)
                await self._deliver(attempt, Deliver(each.status, each.reason))
        stopped = [each.node for each in unlisted if each.status is NodeStatus.STOPPED]
        for start in range(0, len(stopped), NODES_A_PAGE):
            await self._send(stopped[start : start + NODES_A_PAGE], send)

    def _rows_in_memory(self, attempt: NodeAttempt) -> int:
        """Returns about how many rows of a node wait for its batch; a refresh may yet become a whole reading."""
        question = attempt.question if self._job.filtering.is_cheap else self._job.rules.whole
        return expected_rows(ListedNode(attempt.node, attempt.state), question.states)

    async def _to_read(self, nodes: Sequence[ManagedNode]) -> list[NodeAttempt]:
        """Looks up the patch states of a page of nodes; delivers those that have none to read or are unchanged."""
        if not nodes:
            return []
        try:
            states = await self._reader.patch_states([node.instance_id for node in nodes])
        except AwsError as error:
            for node in nodes:
                attempt = NodeAttempt(node, None, self._job.rules)
                await self._deliver(attempt, attempt.fail(error))
            return []
        to_read = []
        for node in nodes:
            state = states.get(node.instance_id)
            if isinstance(state, AwsError):
                attempt = NodeAttempt(node, None, self._job.rules)
                await self._deliver(attempt, attempt.fail(state))
            elif state is None and node.instance_id in self._stopped:
                await self._deliver(NodeAttempt(node, None, self._job.rules), Deliver(NodeStatus.NO_PATCH_DATA))
            else:
                choice = self._choice(node, state)
                attempt = NodeAttempt(node, state, self._job.rules, choice, partial(self._job.choose, self._target))
                if isinstance(choice, CarryAll):
                    await self._deliver(attempt, Deliver(NodeStatus.UNCHANGED))
                else:
                    to_read.append(attempt)
        return to_read

    def _choice(self, node: ManagedNode, state: PatchState | None) -> Choice:
        """Returns what is done with the node; the rows of a stopped one are always read again."""
        if state is None or node.instance_id in self._stopped:
            return ReadWhole()
        return self._job.choose(self._target, state)

    async def read_batches(self, receive: MemoryObjectReceiveStream[Batch], readers: NodeReaders) -> None:
        """Reads the nodes of each batch, in rounds, until all are delivered."""
        async for batch in receive:
            attempts = batch
            while attempts:
                await readers.read_all(attempts)
                attempts = await self._deliver_finished(attempts)

    async def read_node(self, attempt: NodeAttempt) -> None:
        """Reads the listings of this round of a node, and hands each, or its error, to the attempt."""
        self._refuse_costly_refresh(attempt)
        instance_id, states = attempt.node.instance_id, attempt.question.states
        while (listing := attempt.next_listing()) is not None:
            try:
                while not listing.is_complete:
                    listing.add(await self._reader.patch_page(instance_id, listing.next_token, states))
                self._measure(attempt, listing)
                attempt.listed(listing)
            except AwsError as error:
                attempt.broke_off(listing, error)

    def _refuse_costly_refresh(self, attempt: NodeAttempt) -> None:
        """Reads a node whole where what is lacking would cost as many pages: the same calls then bring every row."""
        listed = ListedNode(attempt.node, attempt.state)
        is_costly = self._job.filtering.is_cheap is False
        if attempt.is_refresh and is_costly and not attempt.question.expects_nothing(listed):
            attempt.read_whole()

    def _measure(self, attempt: NodeAttempt, listing: Listing) -> None:
        if attempt.question.states:
            listed = ListedNode(attempt.node, attempt.state)
            page_size = self._job.rules.page_size
            self._job.filtering.add(filtered_pages(listed, attempt.question, listing.pages, page_size))

    async def _deliver_finished(self, attempts: Sequence[NodeAttempt]) -> list[NodeAttempt]:
        """Ends the round of these nodes; returns those that have to be read again."""
        states = await self._states_after(attempts)
        again = []
        for attempt in attempts:
            after = states if isinstance(states, AwsError) else states.get(attempt.node.instance_id)
            decision = attempt.decide(after)
            if isinstance(decision, Deliver):
                await self._deliver(attempt, decision)
            else:
                again.append(attempt)
        return again

    async def _states_after(self, attempts: Sequence[NodeAttempt]) -> Mapping[str, PatchState | AwsError] | AwsError:
        """Returns the patch states after the reading, from one call for all nodes that need it."""
        instance_ids = [attempt.node.instance_id for attempt in attempts if attempt.needs_patch_state]
        if not instance_ids:
            return {}
        try:
            return await self._reader.patch_states(instance_ids)
        except AwsError as error:
            return error

    async def _deliver(self, attempt: NodeAttempt, decision: Deliver) -> None:
        instance_id = attempt.node.instance_id
        if instance_id in self._stopped:
            decision, summary = _stopped(decision, self._stopped[instance_id]), None
        else:
            decision, summary = await self.machines.settle(attempt.node, decision)
        state = attempt.state or summary
        self.machines.use_state(state)
        instance, tags = self.machines.take(instance_id)
        await self._job.deliver(
            NodeScan(
                target=self._target,
                node=attempt.node,
                state=state,
                status=decision.status,
                reason=decision.reason,
                patches=attempt.rows,
                pages=attempt.pages,
                restarts=attempt.restarts,
                scanned_at=int(self._job.now() * 1000),
                instance=instance,
                tags=tags,
            )
        )


def _stopped(decision: Deliver, reason: str) -> Deliver:
    """Returns the end of a stopped machine: it stays stopped, whatever became of reading its last patches."""
    match decision.status:
        case NodeStatus.VERIFIED:
            patches = "its last patches are as AWS keeps them"
        case NodeStatus.MISMATCHED:
            patches = f"its last patches are not as AWS counts them: {decision.reason}"
        case NodeStatus.NO_PATCH_DATA | NodeStatus.GONE:
            patches = "AWS has no patches of it"
        case _:
            patches = f"its last patches could not be read: {decision.reason}"
    return Deliver(NodeStatus.STOPPED, f"{reason}; {patches}")
