from __future__ import annotations

import pytest

from scanner.core.model import TargetStatus
from tests.reports.diagnoses import diagnosis


@pytest.mark.parametrize("status", [TargetStatus.DENIED, TargetStatus.FAILED])
def test_a_target_that_cannot_be_read_is_a_gap(status):
    assert [check.status for check in diagnosis(TargetStatus.SCANNED, status).gaps] == [status]


@pytest.mark.parametrize(("regions", "gaps"), [("enabled", 0), ("eu-west-1", 1)])
def test_a_disabled_region_is_a_gap_only_where_it_was_named(regions, gaps):
    assert len(diagnosis(TargetStatus.SCANNED, TargetStatus.DISABLED, regions=regions).gaps) == gaps
