"""Holds what a scan left behind against the simulator's truth, and counts every kind of difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from scanner.core.model import NodeStatus, TargetStatus
from scanner.simulator.running.expected import Truth

NodeKey = tuple[str, str, str]
Row = tuple[object, ...]

CATEGORIES = (
    "rows lost", "rows doubled", "rows foreign", "nodes lost", "nodes doubled", "nodes foreign",
    "wrong node statuses", "wrong node facts", "wrong targets", "wrong exit codes", "tracebacks", "signals",
    "damaged files", "wrong in a sink", "runs that do not end", "connections reused after a surplus",
    "requests sent elsewhere", "errors of the harness",
)  # fmt: skip
SHOWN = 3


class Findings(Struct):
    """Differences by category (all have to be 0), with examples of each, and how much was compared."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    compared: Counter[str] = field(default_factory=Counter)

    def add(self, category: str, what: Iterable[object]) -> None:
        """Count these differences and keep the first few."""
        assert category in CATEGORIES
        for one in what:
            self.counts[category] += 1
            kept = self.examples.setdefault(category, [])
            if len(kept) < SHOWN:
                kept.append(str(one)[-20_000:])


class Held(Struct, frozen=True):
    """A committed scan as it lies in the store, each row as often as it is there."""

    nodes: list[dict]
    patches: Counter[Row]  # Without the scan id
    targets: list[dict]

    @property
    def nodes_by_key(self) -> dict[NodeKey, dict]:
        return {key_of(row): row for row in self.nodes}


def key_of(row: Mapping) -> NodeKey:
    return row["account_id"], row["region"], row["instance_id"]


def compare(held: Held, truth: Truth, statuses: Mapping[NodeKey, NodeStatus], findings: Findings) -> None:
    """Add every difference between a stored scan and the truth; `statuses` are those expected of the nodes."""
    _compare_patches(held.patches, Counter(map(tuple, truth.patches())), findings)
    _compare_nodes(held.nodes, truth, statuses, findings)
    _compare_targets(held.targets, truth, findings)
    findings.compared += Counter(nodes=len(truth.nodes), rows=truth.patch_rows, targets=len(truth.targets))


def _compare_patches(held: Counter[Row], true: Counter[Row], findings: Findings) -> None:
    findings.add("rows lost", (true - held).elements())
    for row in (held - true).elements():
        findings.add("rows doubled" if row in true else "rows foreign", [row])


def _compare_nodes(rows: list[dict], truth: Truth, statuses: Mapping[NodeKey, NodeStatus], findings: Findings) -> None:
    times = Counter(map(key_of, rows))
    findings.add("nodes lost", truth.nodes.keys() - times.keys())
    findings.add("nodes foreign", times.keys() - truth.nodes.keys())
    findings.add("nodes doubled", [key for key, count in times.items() if count > 1])
    for row in rows:
        true = truth.nodes.get(key_of(row))
        if true is None:
            continue
        expected = statuses.get(key_of(row), true.status).value
        if row["status"] != expected:
            findings.add("wrong node statuses", [f"{key_of(row)}: {row['status']}, not {expected}: {row['reason']}"])
        off = {name: (row[name], value) for name, value in true.columns.items() if plain(row[name]) != value}
        if row["patch_rows"] != true.patch_rows:
            off["patch_rows"] = (row["patch_rows"], true.patch_rows)
        if not row["reason"] and expected in {NodeStatus.DENIED, NodeStatus.FAILED, NodeStatus.MISMATCHED}:
            off["reason"] = (row["reason"], "a reason")
        if off:
            findings.add("wrong node facts", [f"{key_of(row)}: {off}"])


def _compare_targets(rows: list[dict], truth: Truth, findings: Findings) -> None:
    """An account that cannot be entered is one row for all of its Regions."""
    found = {(row["account_id"], row["region"]): (row["status"], row["nodes"], row["patch_rows"]) for row in rows}
    expected = {
        (account, "*" if target.status is TargetStatus.DENIED else region): (
            target.status.value,
            target.nodes,
            target.patch_rows,
        )
        for (account, region), target in truth.targets.items()
    }
    reasons = {(row["account_id"], row["region"]): row["reason"] for row in rows}
    for key in sorted(found.keys() | expected.keys()):
        if found.get(key) != expected.get(key):
            findings.add("wrong targets", [f"{key}: {found.get(key)}, not {expected.get(key)}: {reasons.get(key)}"])


def plain(value: object) -> object:
    """A time as the truth has it, in epoch milliseconds."""
    return round(value.timestamp() * 1000) if hasattr(value, "timestamp") else value


def expected_exit_code(truth: Truth) -> int:
    """0 complete, 1 where nothing could be read, 3 partial."""
    nodes = [node.status for node in truth.nodes.values()]
    targets = [target.status for target in truth.targets.values()]
    is_readable = TargetStatus.SCANNED in targets
    if not any(status.is_delivered for status in nodes) and (nodes or not is_readable):
        return 1
    whole = all(status.is_complete for status in nodes) and TargetStatus.DENIED not in targets
    return 0 if whole else 3


_FINGERPRINT = ("snapshot_id", "operation_end_time")


def expected_statuses(mode: str, truth: Truth, before: Mapping[NodeKey, Mapping]) -> dict[NodeKey, NodeStatus]:
    """What becomes of each node in this mode, given the node rows of the scan before (empty: there was none).

    Delta and lean mode carry a node over that was verified under the very patch state it has now.
    """
    statuses = {key: node.status for key, node in truth.nodes.items()}
    if mode == "full":
        return statuses
    for key, node in truth.nodes.items():
        earlier = before.get(key)
        columns = {*_FINGERPRINT, *(name for name in node.columns if name.endswith("_count"))}
        if (
            earlier is not None
            and earlier["status"] in (NodeStatus.VERIFIED, NodeStatus.UNCHANGED)
            and None not in (node.columns["snapshot_id"], node.columns["operation_end_time"])
            and all(plain(earlier[name]) == node.columns[name] for name in columns)
        ):
            statuses[key] = NodeStatus.UNCHANGED
    return statuses


_SURE = (NodeStatus.VERIFIED, NodeStatus.UNCHANGED, NodeStatus.REFRESHED)


def with_refreshed(
    statuses: Mapping[NodeKey, NodeStatus], held: Held, before: Mapping[NodeKey, Mapping]
) -> dict[NodeKey, NodeStatus]:
    """The same for a lean scan: it may refresh a node that it could verify, where the scan before was sure of it.

    Or read it whole: what filters cost, and which day it is, decides that.
    """
    held_now = held.nodes_by_key
    lean = dict(statuses)
    for key, status in statuses.items():
        found = held_now.get(key, {}).get("status")
        was_sure = key in before and before[key]["status"] in _SURE
        if was_sure and status in _SURE and found in (NodeStatus.REFRESHED, NodeStatus.VERIFIED):
            lean[key] = NodeStatus(found)
    return lean
