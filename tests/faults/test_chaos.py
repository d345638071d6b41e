"""A handful of seeds of the chaos harness, and every kind of fault on the wire; `python -m tests.faults` runs more."""

from __future__ import annotations

import pytest
from msgspec import structs

from scanner.simulator.world.faults import NO_FAULTS
from tests.faults.chaos.kinds import KINDS
from tests.faults.chaos.long_run import places, replay_command, run_in_folder
from tests.faults.chaos.mix import ScanMix, mix_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # on a loaded machine a seed takes a minute
EVERY_KIND = {name: 0.0 if name == "too_late" else 0.9 / len(KINDS) for name in KINDS}
ONCE = (ScanMix(mode="full", patched=0.0, kills=(), is_whole_process=False, has_sink=False),)


@pytest.fixture(scope="module")
def here():
    with places() as shared:
        yield shared


@pytest.mark.parametrize("seed", [2, 5])
def test_a_scan_under_random_faults_and_kills_holds_the_truth(seed, here):
    report = run_in_folder(mix_of(seed, small=True), here)

    assert not report.findings.counts, (replay_command(report), report.findings.examples)
    assert report.scans
    assert report.findings.compared["nodes"]


@pytest.mark.parametrize(("transport", "is_tls"), [("direct", True), ("sdk", False)])
def test_a_scan_under_every_kind_of_fault_on_the_wire_holds_the_truth(transport, is_tls, here):
    calm = structs.replace(mix_of(0, small=True), faults=NO_FAULTS, rate_per_s=None, sessions_end_at=None, s3_wire={})
    mix = structs.replace(
        calm, nodes=14, rows=170, page_size=20, wire=EVERY_KIND, transport=transport, is_tls=is_tls, scans=ONCE,
        store="folder",
    )  # fmt: skip
    report = run_in_folder(mix, here)

    assert not report.findings.counts, report.findings.examples
    assert len(report.wire) > 30
    assert report.findings.compared["rows"] > 1_000
