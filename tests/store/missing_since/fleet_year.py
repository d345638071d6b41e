"""A small fleet whose patches appear, age, fail and get installed, and what nightly scans of it should know."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from msgspec import structs

from scanner.core.model import ManagedNode, NodeScan, NodeStatus, PatchState, Target
from scanner.core.patch_rows import Patch, patch_rows_of
from scanner.core.scan_request import PatchFilters
from scanner.core.state_names import LACKING_STATES, wire_state
from scanner.core.tables import segment_table
from scanner.store.manifest import ScanHeader
from scanner.store.store import Store
from tests.store.samples import header, opened, outcome, scan_row

DAY_MS = 24 * 60 * 60 * 1000
FIRST_NIGHT_MS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
TARGETS = (Target("111111111111", "eu-west-1"), Target("222222222222", "us-east-1"))

PatchKey = tuple[str, str]  # (kb_id, title)
Dates = tuple[int | None, int | None]  # (missing_since, package_missing_since) in milliseconds
READ = (NodeStatus.VERIFIED, NodeStatus.UNCHANGED)


def night_ms(night: int) -> int:
    return FIRST_NIGHT_MS + night * DAY_MS


class Fleet:
    """Nodes with patches, each in a state, that change a little every day; the same for the same seed."""

    def __init__(self, seed: int, nodes: int = 6, packages: int = 8) -> None:
        self.random = random.Random(seed)
        self.ids = [f"i-{number:04d}" for number in range(nodes)]
        self.packages = [f"package-{number}" for number in range(packages)]
        self.states: dict[str, dict[PatchKey, str]] = {node: {} for node in self.ids}
        for _ in range(3):
            self.live_a_day()

    def live_a_day(self) -> None:
        """Some packages get a new version, and some patches move to another state or leave the list."""
        for states in self.states.values():
            if self.random.random() < 0.5:
                package = self.random.choice(self.packages)
                states[package, f"{package}-{self.random.randrange(5)}"] = "MISSING"
            for key in [key for key in states if self.random.random() < 0.15]:
                following = self.random.choice([*LACKING_STATES, "INSTALLED", "INSTALLED", None])
                if following is None:
                    del states[key]
                else:
                    states[key] = following


def severity_of(key: PatchKey) -> str:
    return "Critical" if key[0] < "package-4" else "Low"


def target_of(node: str) -> Target:
    return TARGETS[int(node[2:]) % len(TARGETS)]


def passes(key: PatchKey, state: str, filters: PatchFilters) -> bool:
    return (not filters.states or state in filters.states) and (
        not filters.severities or severity_of(key) in filters.severities
    )


def node_scan(node: str, states: dict[PatchKey, str], status: NodeStatus, at_ms: int) -> NodeScan:
    rows = [
        Patch(kb_id=key[0], title=key[1], severity=severity_of(key), classification="Security", state=wire_state(state))
        for key, state in sorted(states.items())
    ]
    return NodeScan(
        target=target_of(node),
        node=ManagedNode(node),
        state=PatchState(node),
        status=status,
        reason=None,
        patches=patch_rows_of(rows),
        pages=1,
        restarts=0,
        scanned_at=at_ms,
    )


class Expected:
    """What the readings so far tell, worked out one patch at a time: the rule in its plainest form."""

    def __init__(self) -> None:
        self.since: dict[tuple[str, PatchKey], int] = {}
        self.package_since: dict[tuple[str, str], int] = {}
        self.read_nodes: set[str] = set()

    def read(self, node: str, lacking: Iterable[PatchKey], at_ms: int) -> dict[PatchKey, Dates]:
        """Takes in a reading of all lacking patches; returns what its rows have to say of each."""
        lacking = set(lacking)
        packages = {kb for kb, _ in lacking}
        is_first = node not in self.read_nodes
        self.read_nodes.add(node)
        for held, names in ((self.since, lacking), (self.package_since, packages)):
            for key in [key for key in held if key[0] == node and key[1] not in names]:
                del held[key]
            for name in names:
                held.setdefault((node, name), at_ms)
        if is_first:
            return dict.fromkeys(lacking, (None, None))
        return {key: (self.since[node, key], self.package_since[node, key[0]]) for key in lacking}


async def scan_night(
    store: Store, at_ms: int, segments: Sequence[Sequence[NodeScan]], filters: PatchFilters | None = None
) -> str:
    """A committed scan of these nodes, written as a run writes it."""
    scan_id = await begin_night(store, at_ms, filters)
    scan = opened(store, scan_id)
    for nodes in segments:
        await scan.add_segment(segment_table(scan_id, nodes))
    await scan.commit(night_row(scan_id, at_ms), [outcome(target) for target in TARGETS])
    return scan_id


def night_row(scan_id, at_ms):
    return structs.replace(scan_row(scan_id, {}), started_at=at_ms, finished_at=at_ms + 60_000)


async def begin_night(store: Store, at_ms: int, filters: PatchFilters | None = None) -> str:
    scan_id = store.new_scan_id(at_ms)
    asked = header(scan_id)
    request = structs.replace(asked.request, patches=filters or PatchFilters())
    await opened(store, scan_id).begin(ScanHeader(scan_id, at_ms, "0.2.0", request))
    return scan_id


async def dates_in(store: Store, scan_id: str) -> dict[tuple[str, PatchKey], tuple[int | None, int | None]]:
    """`missing_since` and `package_missing_since` of every lacking row, and nothing for others, in milliseconds."""
    found = {}
    async for batch in store.replay(scan_id):
        for row in batch.patches.to_pylist():
            dates = tuple(
                row[name] and round(row[name].timestamp() * 1000) for name in ("missing_since", "package_missing_since")
            )
            if row["state"] in LACKING_STATES:
                found[row["instance_id"], (row["kb_id"], row["title"])] = dates
            else:
                assert dates == (None, None), row
    return found
