"""No command ends by a signal: the threads of Arrow and DuckDB are still there when a right answer has been given."""

from __future__ import annotations

import pytest

from tests.faults.chaos.commands import COMMANDS, run_rounds, store_in

ROUNDS = 2  # 12 processes, about a second of CPU each; `python -m tests.faults --commands 50` runs 300


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.timeout(300)
def test_no_command_that_reads_a_store_ends_by_a_signal_under_load(tmp_path):
    findings, ran = run_rounds(ROUNDS, store_in(tmp_path), tmp_path)

    assert not findings.counts, findings.examples
    assert ran.total() == ROUNDS * len(COMMANDS)
