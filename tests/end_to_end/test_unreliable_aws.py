"""A scan against an AWS that fails in every way at once: what it delivers is the truth all the same."""

from __future__ import annotations

from msgspec import structs

from scanner.simulator.generate.build import make_world
from scanner.simulator.server.run import serve_in_thread
from scanner.simulator.world.faults import Broken, Faults, Passing
from tests.end_to_end.commands import ORGANIZATION
from tests.end_to_end.tables import assert_right, from_store

HOW_OFTEN = 0.02
# It takes thousands of pages to tell a listing without end from a long one: too many for a network as bad as this.
BROKEN_SOON = (Broken.INVALID_NEXT_TOKEN, Broken.REPEATED_TOKEN)
LASTING = (
    "never_scanned",
    "association_scanned",
    "gone",
    "denied",
    "mismatched",
    "connection_lost",
    "listed_twice",
    "state_twice",
    "state_missing",
    "counts_unknown",
    "no_snapshot",
    "patched_midway",
)
# A request gets fresh credentials once, so a second early end within the same moment would be a gap of the truth's own.
STORM = structs.replace(
    Faults(varying_page_sizes=True, slow_s=0.1, hang_s=0.2, max_early_expiries=1),
    **dict.fromkeys([*Passing, *BROKEN_SOON, *LASTING, "empty_page"], HOW_OFTEN),
)


def test_no_row_is_lost_or_doubled_in_a_storm_of_every_fault(terminal):
    world = make_world(accounts=3, regions=3, nodes=900, rows=25)
    with serve_in_thread(world, faults=STORM) as simulator:
        user = terminal.given(simulator.environment() | {"PATCHSWEEP_PAGE_SIZE": "10"})
        ended = user.run("scan", *ORGANIZATION)
        assert (ended.code, ended.sentences) == (3, [])
        assert_right(from_store(user), simulator.truth())
        assert set(simulator.stats.faults) >= {*Passing, *BROKEN_SOON, "empty_page"}
