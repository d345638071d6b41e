"""How many requests may be under way at once where no setting says it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from scanner.core.in_flight import OTHER_FILES, derived_in_flight, max_in_flight
from scanner.core.settings import LimitSettings

MANY_FILES = 100_000


def test_the_setting_wins():
    assert max_in_flight(LimitSettings(max_in_flight=7)) == 7


def test_the_defaults_leave_200_targets_at_20_a_second_their_rate_at_100_ms():
    limits = LimitSettings()

    assert limits.max_open_targets >= 200
    assert derived_in_flight(limits, MANY_FILES) >= 200 * 20 * 0.1
    assert derived_in_flight(limits, 1024) >= 200 * 20 * 0.1  # the usual `ulimit -n`


def test_the_bound_grows_with_the_open_targets_and_with_the_rate():
    assert derived_in_flight(LimitSettings(max_open_targets=64), MANY_FILES) == 64 * 5
    assert derived_in_flight(LimitSettings(max_open_targets=64, max_rate_per_s=40.0), MANY_FILES) == 64 * 10


def test_no_target_sends_more_than_it_reads_nodes_at_once():
    limits = LimitSettings(max_open_targets=10, max_rate_per_s=1e6, max_nodes_per_target=3)

    assert derived_in_flight(limits, MANY_FILES) == 30


def test_a_single_target_may_have_all_its_nodes_under_way():
    assert derived_in_flight(LimitSettings(max_open_targets=1), MANY_FILES) == 16


@pytest.mark.parametrize(("files", "bound"), [(1024, (1024 - OTHER_FILES) // 2), (OTHER_FILES, 1), (0, 1), (-1, 1280)])
def test_the_files_that_a_process_may_open_bound_it_too(files, bound):
    assert derived_in_flight(LimitSettings(), files) == bound


@pytest.mark.parametrize(("soft", "hard", "expected"), [(256, 4096, 4096), (256, 20_000, 8192), (256, 256, 256)])
def test_a_process_takes_the_open_files_that_the_system_permits_it(soft, hard, expected):
    code = (
        "import resource as r; from scanner.core.in_flight import raise_open_files_limit as take; "
        f"r.setrlimit(r.RLIMIT_NOFILE, ({soft}, {hard})); take(); print(*r.getrlimit(r.RLIMIT_NOFILE))"
    )

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ended.stdout.split() == [str(expected), str(hard)]
