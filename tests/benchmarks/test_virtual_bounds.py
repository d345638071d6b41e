"""The default bounds leave each of 200 targets its rate; time is virtual, so that no busy machine changes that."""

from __future__ import annotations

import pytest

from scanner.core.settings import LimitSettings
from tests.benchmarks.bounds import share
from tests.benchmarks.virtual_bounds import granted_calls

pytestmark = pytest.mark.slow

TARGETS = 200
RATE_PER_S = 20.0


@pytest.mark.parametrize(
    ("limits", "least", "most"),
    [
        pytest.param(LimitSettings(), 0.95, 1.05, id="default"),
        pytest.param(LimitSettings(max_in_flight=200), 0.4, 0.55, id="200 requests in flight"),
    ],
)
def test_two_hundred_targets_at_20_calls_a_second_and_100_ms_use_what_the_bounds_leave_them(limits, least, most):
    granted = granted_calls(TARGETS, 8, RATE_PER_S, 0.1, limits)
    assert least <= share(granted, TARGETS, RATE_PER_S) <= most
