"""Everything AWS and the network can do, each alone and all together: the store holds the truth, row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from msgspec import Struct, structs

from scanner.core.model import NodeStatus, ScanStatus, TargetStatus
from scanner.simulator.generate.build import make_world
from scanner.simulator.running.buckets import NO_LIMITS, Limits, Rate
from scanner.simulator.server.simulator import Simulator
from scanner.simulator.world.faults import NO_FAULTS, Faults
from scanner.simulator.world.organization import World
from tests.faults.worlds import (
    GAPS,
    WORLD,
    assert_is_the_truth,
    organization,
    scan,
    settings_for,
    stored,
)

PATCHES = "DescribeInstancePatches"
HUB, *MEMBERS = WORLD.accounts


class Case(Struct, frozen=True):
    """What goes wrong; `hits` is the fault or error code that must have struck, `limits` are settings of the scan."""

    faults: Faults = NO_FAULTS
    granted: Limits = NO_LIMITS
    limits: Mapping[str, Any] = {}
    hits: str | None = None
    world: World = WORLD
    drive: Callable[[Simulator], None] = lambda _: None


def one(fault: str, probability: float = 0.3, *, limits: Mapping[str, Any] = {}, **more: Any) -> Case:
    return Case(Faults(**{fault: probability}, **more), limits=limits, hits=fault)


def at_request(number: int, act: Callable[[Simulator], None]) -> Callable[[Simulator], None]:
    """Do something when so many requests for patches have come."""

    def drive(simulator: Simulator) -> None:
        seen = 0

        def watch(call) -> None:
            nonlocal seen
            seen += call.operation == PATCHES
            if seen == number and call.operation == PATCHES:
                act(simulator)

        simulator.watch(watch)

    return drive


def rate(rate_per_s: float, burst: float) -> Callable[[Simulator], None]:
    return lambda simulator: simulator.set_limits(Limits(operations={PATCHES: Rate(rate_per_s, burst)}, default=FREE))


def throttle_in_bursts(simulator: Simulator) -> None:
    for number in (10, 60, 110):
        at_request(number, rate(20.0, 1.0))(simulator)
        at_request(number + 25, rate(FREE.rate_per_s, FREE.burst))(simulator)


def patch_at_second_pages(simulator: Simulator) -> None:
    """Run a patching operation on each node before its second page is first answered."""
    patched = set()

    def watch(call) -> None:
        asked = msgspec.json.decode(call.body) if call.operation == PATCHES else {}
        if "NextToken" in asked and asked["InstanceId"] not in patched:
            patched.add(asked["InstanceId"])
            simulator.patch_node(call.account_id, call.region, asked["InstanceId"])

    simulator.watch(watch)


FREE = NO_LIMITS.default
SLOW = Rate(rate_per_s=40.0, burst=4.0)

CASES = {
    "nothing goes wrong": Case(),
    "aws throttles all the time": Case(granted=Limits(default=FREE, operations={PATCHES: SLOW})),
    "aws throttles some requests at random": one("throttled", 0.1),
    "aws throttles in bursts": Case(drive=throttle_in_bursts),
    "the granted rate halves in mid-run": Case(
        granted=Limits(default=FREE, operations={PATCHES: Rate(120.0, 10.0)}), drive=at_request(60, rate(60.0, 5.0))
    ),
    "requests end in 500": one("internal_error_500"),
    "requests end in 503 with a page of HTML": one("html_503"),
    "connections are reset": one("reset"),
    "bodies are truncated": one("truncated_body"),
    "bodies are cut short of their length": one("cut_body"),
    "bodies are empty": one("empty_body"),
    "answers lack the list they are about": one("missing_list"),
    "requests hang": one("hanging", 0.03, limits={"read_timeout_s": 0.3}, hang_s=2.0, max_consecutive=1),
    "answers come slowly": one("slow_body", 0.1, slow_s=0.05),
    "answers come too slowly": one("slow_body", 0.03, limits={"read_timeout_s": 0.3}, slow_s=2.0, max_consecutive=1),
    "tokens are refused": one("invalid_next_token"),
    "tokens are repeated": one("repeated_token"),
    "tokens age within seconds": Case(Faults(token_ttl_s=30.0)),
    "pagination has no end": one("endless_pagination", 0.1, max_broken=1),
    "pages are empty and go on": one("empty_page"),
    "pages are of all sizes": Case(Faults(varying_page_sizes=True)),
    "the last page says null": Case(Faults(end_of_listing="null")),
    "the last page says an empty token": Case(Faults(end_of_listing="empty")),
    "sessions end early": one("early_expiry", 0.2, early_expiry_after=20),
    "sessions are shorter than they claim": Case(
        Faults(session_lifetime_s=2.0),
        granted=Limits(default=FREE, latency_s=0.05),
        limits={"max_in_flight": 2},
        hits="ExpiredTokenException",
    ),
    "sessions are ended in mid-run": Case(
        drive=at_request(50, Simulator.expire_sessions), hits="ExpiredTokenException"
    ),
    "some roles are missing": Case(Faults(seed=1, role_missing=0.5)),
    "a policy denies some regions": Case(Faults(seed=2, scp_denied=0.5)),
    "some regions are not enabled": Case(Faults(seed=2, not_enabled=0.5)),
    "nodes are gone": Case(Faults(gone=0.3)),
    "nodes are refused as invalid and stay listed": Case(Faults(invalid=0.3)),
    "nodes are denied one by one": Case(Faults(denied=0.3)),
    "nodes were never scanned": Case(Faults(never_scanned=0.3, association_scanned=0.3)),
    "nodes lost their connection": Case(Faults(connection_lost=0.5)),
    "nodes are listed twice": Case(
        Faults(listed_twice=0.5), world=make_world(accounts=1, regions=2, nodes=240, rows=10)
    ),
    "patch states come twice": Case(Faults(state_twice=0.5)),
    "patch states are missing": Case(Faults(state_missing=0.5)),
    "counts are -1": Case(Faults(counts_unknown=0.5)),
    "there is no snapshot id": Case(Faults(no_snapshot=0.5)),
    "counts never agree": Case(Faults(mismatched=0.3)),
    "operations end while nodes are read and their tokens are refused": Case(Faults(patched_midway=0.6)),
    "operations end while nodes are read and their tokens go on": Case(
        Faults(patched_midway=0.6, patched_midway_tokens="go_on")
    ),
    "operations without a snapshot id end while nodes are read": Case(
        Faults(patched_midway_tokens="go_on", no_snapshot=1.0), drive=patch_at_second_pages
    ),
    "operations without counts end while nodes are read": Case(
        Faults(patched_midway_tokens="go_on", counts_unknown=1.0), drive=patch_at_second_pages
    ),
    "operations that no patch state tells of end while nodes are read": Case(
        Faults(patched_midway_tokens="go_on", state_missing=1.0), drive=patch_at_second_pages
    ),
    "the listing of accounts throttles": Case(Faults(throttled=0.9, operations=("ListAccounts",)), hits="throttled"),
    "the listing of accounts takes one request at a time": Case(
        Faults(organizations_one_at_a_time=True), granted=Limits(default=FREE, latency_s=0.005)
    ),
    "a node has ten thousand rows": Case(world=make_world(accounts=1, regions=1, nodes=2, rows=10_000)),
    "a node has ten thousand rows and is patched midway": Case(
        Faults(patched_midway=1.0, patched_midway_tokens="go_on"),
        world=make_world(accounts=1, regions=1, nodes=2, rows=10_000),
    ),
    "there are no nodes at all": Case(world=make_world(accounts=2, regions=2, nodes=0)),
}

PASSING = Faults(
    seed=3,
    internal_error_500=0.03, html_503=0.03, reset=0.03, truncated_body=0.03, cut_body=0.03, empty_body=0.03,
    missing_list=0.03, slow_body=0.02, slow_s=0.05, throttled=0.03, early_expiry=0.02,
    invalid_next_token=0.03, repeated_token=0.03, empty_page=0.05, varying_page_sizes=True, end_of_listing="null",
)  # fmt: skip
LASTING = Faults(
    seed=4,
    never_scanned=0.05, association_scanned=0.05, gone=0.05, denied=0.05, mismatched=0.05, connection_lost=0.1,
    listed_twice=0.1, state_twice=0.1, counts_unknown=0.05, no_snapshot=0.1, patched_midway=0.3,
    patched_midway_tokens="go_on", scp_denied=0.3, role_missing=0.3,
)  # fmt: skip


def both(first: Faults, second: Faults) -> Faults:
    """The switches of both."""
    chosen = {name: value for name, value in structs.asdict(second).items() if value != getattr(NO_FAULTS, name)}
    return structs.replace(first, **chosen)


CASES["all that passes comes together"] = Case(PASSING, granted=Limits(default=FREE, operations={PATCHES: SLOW}))
CASES["all that lasts comes together"] = Case(LASTING)
CASES["everything comes together"] = Case(
    both(PASSING, LASTING), granted=Limits(default=FREE, operations={PATCHES: Rate(120.0, 10.0)})
)


@pytest.mark.parametrize("transport", ["direct"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_the_store_holds_the_truth_when(case, transport, tmp_path):
    with organization(case.world, faults=case.faults, limits=case.granted) as simulator:
        case.drive(simulator)
        settings = structs.replace(settings_for(tmp_path / "store", case.world, **case.limits), transport=transport)
        finished = await scan(settings)
        found = await stored(tmp_path / "store", finished.scan.scan_id)
        truth = simulator.truth()
        assert_is_the_truth(found, truth)
        assert case.hits is None or simulator.stats.faults[case.hits] + simulator.stats.errors[case.hits] > 0
        assert simulator.stats.sdk_retries == 0
    complete = not {node.status for node in truth.nodes.values()} & {*GAPS, NodeStatus.MISMATCHED} and all(
        target.status in (TargetStatus.SCANNED, TargetStatus.DISABLED) for target in truth.targets.values()
    )
    assert (finished.scan.status is ScanStatus.COMPLETE) == complete


@pytest.mark.parametrize("name", ["everything comes together", "requests hang", "tokens are refused"])
async def test_the_sdk_transport_stores_the_same_when(name, tmp_path):
    await test_the_store_holds_the_truth_when(CASES[name], "sdk", tmp_path)
