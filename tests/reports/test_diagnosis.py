from __future__ import annotations

import pytest

from scanner.core.model import Scope, Target, TargetStatus
from scanner.reports.diagnosis import Diagnosis, PlaceCheck, TargetCheck

GOOD, BAD, WRONG = PlaceCheck("place"), PlaceCheck("place", "no room"), PlaceCheck("place", "no type", stops_scan=True)


def diagnosis(*statuses, store=GOOD, sinks=(GOOD,), regions="enabled"):
    targets = tuple(TargetCheck(Target(f"{n:012}", "eu-west-1"), status) for n, status in enumerate(statuses))
    return Diagnosis("arn", "eu-west-1", Scope("organization", regions), store, sinks, targets, takes_large_pages=None)


def test_all_is_well_where_everything_works():
    assert diagnosis(TargetStatus.SCANNED).exit_code == 0


@pytest.mark.parametrize("status", [TargetStatus.DENIED, TargetStatus.FAILED])
def test_a_target_that_cannot_be_read_would_make_the_scan_partial(status):
    found = diagnosis(TargetStatus.SCANNED, status)

    assert found.exit_code == 3
    assert [check.status for check in found.gaps] == [status]


@pytest.mark.parametrize(("regions", "code"), [("enabled", 0), ("eu-west-1", 3)])
def test_a_disabled_region_is_a_gap_only_where_it_was_named(regions, code):
    assert diagnosis(TargetStatus.SCANNED, TargetStatus.DISABLED, regions=regions).exit_code == code


def test_a_sink_that_fails_would_make_the_scan_partial():
    assert diagnosis(TargetStatus.SCANNED, sinks=(GOOD, BAD)).exit_code == 3


def test_a_store_or_a_sink_with_which_no_scan_begins_makes_it_fail():
    assert diagnosis(TargetStatus.SCANNED, sinks=(GOOD, WRONG)).exit_code == 1
    assert diagnosis(TargetStatus.SCANNED, store=WRONG).exit_code == 1


@pytest.mark.parametrize("statuses", [(), (TargetStatus.DENIED,), (TargetStatus.DISABLED,)])
def test_a_scan_that_could_read_nothing_fails(statuses):
    assert diagnosis(*statuses).exit_code == 1
