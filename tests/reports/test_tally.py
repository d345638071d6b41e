"""The counts of a summary."""

from __future__ import annotations

import pyarrow as pa
from msgspec import structs

from scanner.core.interfaces import NodeBatch
from scanner.core.model import ManagedNode, NodeStatus, Target
from scanner.core.tables import TAGS, batch_of, segment_table
from scanner.reports.staleness import DAY_MS, StaleReason
from scanner.reports.tally import NO_SEVERITY, Tally
from tests.store.samples import NOBODY, node

NOW = 1_795_000_000_000
OTHER = Target("222222222222", "us-east-1")


async def _tally(*batches) -> Tally:
    tally = Tally()
    for nodes in batches:
        await tally.count(batch_of(segment_table(NOBODY, nodes)))
    return tally


async def test_patches_that_are_not_installed_are_counted_by_severity_over_all_batches():
    tally = await _tally([node(1, 4), node(2, 1)], [node(3, 3)])

    assert tally.missing == {"Critical": 3}
    assert tally.failed == {}


async def test_a_patch_to_which_aws_gives_no_severity_is_counted_under_words_of_its_own():
    nodes, patches = (batch := batch_of(segment_table(NOBODY, [node(1, 4)]))).nodes, batch.patches
    column = patches.schema.get_field_index("severity")
    unnamed = patches.set_column(column, "severity", pa.nulls(len(patches), pa.string()))
    tally = Tally()

    await tally.count(NodeBatch(nodes, unnamed, TAGS.empty_table()))

    assert set(tally.missing) == {NO_SEVERITY}


async def test_an_account_is_counted_only_if_its_nodes_lack_a_patch():
    clean = Target("333333333333", "us-east-1")
    tally = await _tally([node(1, 2)], [node(1, 8, target=OTHER), node(1, 1, target=clean)])

    assert tally.lacking_by_account == {"222222222222": 4, "111111111111": 1}


async def test_nodes_are_counted_by_status():
    gaps = [node(number, 0, NodeStatus.FAILED, "throttled") for number in range(3)]
    tally = await _tally([node(9), *gaps], [node(10, 0, NodeStatus.DENIED, "no role")])

    assert tally.nodes == {NodeStatus.FAILED: 3, NodeStatus.DENIED: 1, NodeStatus.VERIFIED: 1}


async def test_verified_nodes_with_old_data_are_counted_by_the_reason_for_it():
    def aged(number, days, ping_status="Online", status=NodeStatus.VERIFIED):
        plain = node(number, 0, status)
        ended = structs.replace(plain.state, operation_end_time=None if days is None else NOW - days * DAY_MS)
        return structs.replace(plain, node=ManagedNode(f"i-{number}", ping_status=ping_status), state=ended)

    nodes = [aged(1, 1), aged(2, 9), aged(3, 9, "ConnectionLost"), aged(4, None), aged(5, 9, status=NodeStatus.DENIED)]
    tally = Tally(7, now=lambda: NOW / 1000)

    await tally.count(batch_of(segment_table(NOBODY, nodes)))

    assert tally.stale == {
        StaleReason.SCAN_DID_NOT_RUN: 1,
        StaleReason.NODE_SILENT: 1,
        StaleReason.NEVER_SCANNED: 1,
    }


async def test_an_empty_scan_has_an_empty_tally():
    tally = await _tally([])

    assert not any((tally.nodes, tally.missing, tally.failed, tally.lacking_by_account))
