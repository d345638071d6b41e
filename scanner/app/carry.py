"""Gives the nodes that workers of a delta or lean scan left without rows those of earlier segments, each read once."""

from __future__ import annotations

from scanner.app.resume import ActiveScan
from scanner.app.slices import Slice
from scanner.app.waiting_nodes import WaitingGroup, store_groups
from scanner.core.batches import batches
from scanner.core.heap import return_free_memory
from scanner.core.scan_request import patch_filters
from scanner.store.earlier_segment import EarlierSegment, entry_from
from scanner.store.left_nodes import LeftNodes
from scanner.store.plan_file import ScanPlan

WHOLE = Slice()
NODES_HELD = 20_000  # while their earlier segments are read: 1.1 kB each


async def carry_share(scan: ActiveScan, plan: ScanPlan, part: Slice) -> bool:
    """Does the share of a slice once every target of the plan is read; returns whether that was so.

    Before that a segment may still get nodes, and would be read again for them.

    Raises:
        StoreError: the nodes could not be stored.
    """
    if scan.settings.mode == "full":
        return True
    ended = await scan.stored.ended_targets()
    if any((each.target.account_id, each.target.region) not in ended for each in plan.targets):
        return False
    await carry_over(scan, await scan.stored.left_nodes(), part)
    return True


async def carry_over(scan: ActiveScan, left: LeftNodes, part: Slice = WHOLE) -> None:
    """Stores nodes with their rows: those of the earlier segments that belong to this slice. May be done twice.

    Raises:
        StoreError: they could not be stored.
    """
    return_free_memory()  # 65 MB where `left` was made of 400,000 nodes
    writer, filters = scan.stored.writer, patch_filters(scan.settings)
    segments = list(left.segments().items())[part.index :: part.count]
    with_nodes = {text: nodes for text, nodes in segments if nodes}
    for some in batches(with_nodes, with_nodes.__getitem__, NODES_HELD):
        nodes = await scan.stored.thin_nodes(left, some)
        return_free_memory()  # twice what they take lies free where they were read
        groups = (
            WaitingGroup(EarlierSegment(writer.files, entry_from(text), filters), nodes.pop(text)) for text in [*nodes]
        )
        await store_groups(groups, scan.settings.store.flush_rows, writer.add_nodes)
        return_free_memory()
