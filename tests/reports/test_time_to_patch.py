"""The mean time to patch, from the figures that scans carry."""

from __future__ import annotations

from scanner.app.time_to_patch import read_patch_times
from scanner.core.model import NodeStatus
from scanner.core.statistics import PatchedCount, ScanStatistics
from scanner.reports.time_to_patch import TimeToPatch, time_to_patch
from scanner.store.store import Store
from tests.store.memory_files import MemoryFiles
from tests.store.missing_since.fleet_year import night_ms, node_scan, scan_night

DAY_MS = 24 * 60 * 60 * 1000


def test_means_are_weighted_by_packages_and_unknown_beginnings_are_apart():
    scans = [
        ScanStatistics(patched=(PatchedCount("Critical", 1, 2 * DAY_MS), PatchedCount(None, 0, 0, 4))),
        ScanStatistics(patched=(PatchedCount("Critical", 3, 18 * DAY_MS, 1),)),
    ]

    assert time_to_patch(scans) == [TimeToPatch("Critical", 4, 5.0, 1), TimeToPatch(None, 0, None, 4)]


def test_the_worst_severity_is_first_then_other_words_then_what_has_none():
    words = [None, "Low", "required", "Important", "Critical"]
    scans = [ScanStatistics(patched=tuple(PatchedCount(word, 1, DAY_MS) for word in words))]

    assert [each.severity for each in time_to_patch(scans)] == ["Critical", "Important", "Low", "required", None]


async def test_the_scans_of_a_store_tell_how_long_a_package_was_lacking():
    store = Store(MemoryFiles())
    # package-1 is Critical; it is lacking from the second night on, in another version on the third.
    nights = [{}, {("package-1", "1"): "MISSING"}, {("package-1", "2"): "FAILED"}, {("package-1", "2"): "INSTALLED"}]
    for number, states in enumerate(nights):
        scans = [node_scan("i-0000", states, NodeStatus.VERIFIED, night_ms(number))]
        last = await scan_night(store, night_ms(number), [scans])

    found = await read_patch_times(store, last, days=30)

    assert (found.scans, found.left_out) == (4, [])
    assert found.severities == [TimeToPatch("Critical", 1, 2.0, 0)]


async def test_a_package_that_was_lacking_from_the_first_scan_on_has_no_known_time():
    store = Store(MemoryFiles())
    for number, states in enumerate([{("package-1", "1"): "MISSING"}, {}]):
        scans = [node_scan("i-0000", states, NodeStatus.VERIFIED, night_ms(number))]
        last = await scan_night(store, night_ms(number), [scans])

    assert (await read_patch_times(store, last, days=30)).severities == [TimeToPatch("Critical", 0, None, 1)]
