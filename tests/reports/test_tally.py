"""The counts of a summary."""

from __future__ import annotations

from scanner.core.interfaces import Sink
from scanner.core.model import NodeStatus, Target
from scanner.core.tables import batch_of, segment_table
from scanner.reports.tally import AccountTally, ReasonTally, SeverityTally, Tally
from tests.store.samples import NOBODY, node

OTHER = Target("222222222222", "us-east-1")


async def _tally(*batches) -> Tally:
    tally = Tally()
    for nodes in batches:
        await tally.write(batch_of(segment_table(NOBODY, nodes)))
    return tally


async def test_patches_are_counted_by_state_and_severity_over_all_batches():
    result = (await _tally([node(1, 4), node(2, 1)], [node(3, 3)])).result()
    assert result.patches_by_state == {"INSTALLED": 5, "MISSING": 3}
    assert result.patches_by_severity == (
        SeverityTally("INSTALLED", None, 5),
        SeverityTally("MISSING", "Critical", 3),
    )


async def test_the_accounts_that_lack_most_come_first_and_those_that_lack_nothing_not_at_all():
    clean = Target("333333333333", "us-east-1")
    result = (await _tally([node(1, 2)], [node(1, 8, target=OTHER), node(1, 1, target=clean)])).result()
    assert result.accounts == (AccountTally("222222222222", 4, 0), AccountTally("111111111111", 1, 0))


async def test_nodes_are_counted_by_status_and_reason():
    gaps = [node(number, 0, NodeStatus.FAILED, "throttled") for number in range(3)]
    result = (await _tally([node(9), *gaps], [node(10, 0, NodeStatus.DENIED, "no role")])).result()
    assert result.nodes_by_status == {"failed": 3, "denied": 1, "verified": 1}
    assert result.reasons == (ReasonTally("failed", "throttled", 3), ReasonTally("denied", "no role", 1))


async def test_reasons_without_end_do_not_pile_up_and_the_frequent_one_stays():
    tally = Tally()
    for start in range(0, 10_000, 1_000):
        rare = [node(start + number, 0, NodeStatus.FAILED, f"odd {start + number}") for number in range(999)]
        often = [node(start + 20_000 + number, 0, NodeStatus.FAILED, "often") for number in range(5)]
        await tally.write(batch_of(segment_table(NOBODY, [*rare, *often])))
        assert len(tally._reasons) <= 2_000
    result = tally.result()
    assert result.reasons[0] == ReasonTally("failed", "often", 50)
    assert len(result.reasons) == 20
    assert result.nodes_by_status == {"failed": 10_040}


async def test_an_empty_scan_has_an_empty_tally():
    result = (await _tally([])).result()
    assert (result.patches_by_state, result.accounts, result.reasons) == ({}, (), ())


def test_a_tally_is_a_live_sink():
    sink: Sink = Tally()
    assert sink.live
