"""Scans to put into a store: made by hand for cases, by Hypothesis for round trips."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import pyarrow as pa
from hypothesis import strategies as st
from msgspec import structs

from scanner.core.baselines import Baseline
from scanner.core.interfaces import Files, NodeBatch
from scanner.core.model import (
    ManagedNode,
    NodeScan,
    NodeStatus,
    PatchState,
    ScanRow,
    ScanStatus,
    Scope,
    Target,
    TargetOutcome,
    TargetStatus,
)
from scanner.core.patch_rows import Patch, patch_rows_of
from scanner.core.scan_request import request_of
from scanner.core.settings import ScopeSettings, Settings
from scanner.core.state_names import PATCH_STATES, wire_state
from scanner.core.tables import segment_table
from scanner.store.layout import ScanNames
from scanner.store.manifest import Manifest, ScanHeader
from scanner.store.open_scan import OpenScan
from scanner.store.segments import digest, parquet_bytes
from scanner.store.store import Store

TARGET = Target("111111111111", "eu-west-1", "prod")
STARTED_MS = 1_790_000_000_000
NOBODY = "20200101T000000Z-000000"


def node(
    number: int,
    patches: int = 2,
    status: NodeStatus = NodeStatus.VERIFIED,
    reason: str | None = None,
    scanned_at: int = 1_000,
    target: Target = TARGET,
) -> NodeScan:
    """A node `i-<number>` with so many patches, every other one missing."""
    return NodeScan(
        target=target,
        node=ManagedNode(f"i-{number:04d}", platform_type="Linux"),
        state=PatchState(f"i-{number:04d}", missing_count=patches // 2),
        status=status,
        reason=reason,
        patches=patch_rows_of(
            [
                Patch(
                    kb_id=f"KB{number}-{row}",
                    title=None if row % 3 else "title",
                    classification="Security",
                    severity="Critical" if row % 2 else None,
                    state="Missing" if row % 2 else "Installed",
                    installed_time=None if row % 2 else 1_500_000_000.0,
                    cve_ids="CVE-2026-2,CVE-2026-1" if row % 2 else None,
                )
                for row in range(patches)
            ]
        ),
        pages=1,
        restarts=0,
        scanned_at=scanned_at,
    )


def header(scan_id: str, settings: Settings | None = None) -> ScanHeader:
    return ScanHeader(scan_id, STARTED_MS, "0.1.0", request_of(settings or Settings()))


def secret_settings() -> Settings:
    return Settings(
        scope=ScopeSettings(role_name="reader", external_id="hush-external"),
        sinks=("postgresql://me:hush-password@db/patches", "postgresql://db/x?password=hush-parameter&sslmode=require"),
    )


def scan_row(scan_id: str, nodes: dict[str, int], status: ScanStatus = ScanStatus.COMPLETE) -> ScanRow:
    return ScanRow(
        scan_id=scan_id,
        status=status,
        started_at=STARTED_MS,
        finished_at=STARTED_MS + 60_000,
        mode="full",
        states=(),
        scope=Scope("current", "current"),
        nodes=nodes,
        targets={"scanned": 1},
        patch_rows=0,
        requests=7,
        throttles=1,
        version="0.1.0",
    )


def outcome(target: Target = TARGET) -> TargetOutcome:
    return TargetOutcome(target, TargetStatus.SCANNED, None, 2, 4, 7, 1, 0, STARTED_MS, STARTED_MS + 60_000)


def opened(store: Store, scan_id: str) -> OpenScan:
    """The scan as a process writes it that nothing holds off others."""
    return OpenScan(store.files, ScanNames(scan_id))


async def commit(
    store: Store,
    segments: Sequence[Sequence[NodeScan]],
    started_ms: int = STARTED_MS,
    target: Target = TARGET,
    baselines: tuple[Baseline, ...] = (),
) -> str:
    """A committed scan of these segments."""
    scan_id = store.new_scan_id(started_ms)
    scan = opened(store, scan_id)
    await scan.begin(header(scan_id))
    for nodes in segments:
        await scan.add_segment(segment_table(scan_id, nodes))
    await scan.commit(scan_row(scan_id, {}), [structs.replace(outcome(target), baselines=baselines)])
    return scan_id


async def commit_manifest(store: Store, segments: Sequence[Sequence[NodeScan]]) -> Manifest:
    return await store.manifest(await commit(store, segments))


def older_segment(scan_id: str, scans: Sequence[NodeScan]) -> pa.Table:
    """The segment as a version wrote it that knew neither `agent_version` of a node nor `severity` of a patch."""
    table = segment_table(scan_id, scans)
    patches = table.column("patches").combine_chunks()
    members = [field for field in patches.type.value_type if field.name != "severity"]
    values = pa.StructArray.from_arrays([patches.values.field(field.name) for field in members], fields=members)
    place = table.schema.get_field_index("patches")
    older = table.set_column(place, "patches", pa.ListArray.from_arrays(patches.offsets, values))
    return older.drop_columns(["agent_version"])


def newer_segment(scan_id: str, scans: Sequence[NodeScan]) -> pa.Table:
    """The segment as a later version may write it: with a column more, and with a member more in each patch."""
    table = segment_table(scan_id, scans)
    patches = table.column("patches").combine_chunks()
    members = list(patches.type.value_type)
    added = pa.array(["2026-11-25"] * len(patches.values), pa.string())
    values = pa.StructArray.from_arrays(
        [added, *(patches.values.field(field.name) for field in members)],
        fields=[pa.field("ticket", pa.string()), *members],
    )
    place = table.schema.get_field_index("patches")
    newer = table.set_column(place, "patches", pa.ListArray.from_arrays(patches.offsets, values))
    return newer.append_column("rack", pa.array(["r-1"] * len(table)))


async def add_nested_segment(files: Files, scan_id: str, table: pa.Table) -> None:
    """Writes a segment as the first release did: one file, the patches nested in the nodes."""
    data = parquet_bytes(table)
    await files.put(ScanNames(scan_id).segment(0, "01234567", await digest(data)), data)


async def instance_ids(batches: AsyncIterator[NodeBatch]) -> list[str]:
    """The nodes of all batches, in order, repeated ones too."""
    return [instance_id async for batch in batches for instance_id in batch.nodes.column("instance_id").to_pylist()]


_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_times = st.none() | st.integers(-62_135_596_800_000, 253_402_300_799_000)
_patches = st.builds(
    Patch,
    kb_id=st.none() | _text,
    title=st.none() | _text,
    classification=st.none() | _text,
    severity=st.none() | _text,
    state=st.none() | _text | st.sampled_from([*PATCH_STATES, *map(wire_state, PATCH_STATES)]),
    installed_time=st.none() | st.floats(-62_135_596_800.0, 253_402_300_799.0) | st.datetimes().map(datetime.isoformat),
    cve_ids=st.none() | st.lists(_text, max_size=3).map(",".join),
)
_nodes = st.builds(
    ManagedNode,
    instance_id=_text,
    computer_name=st.none() | _text,
    platform_name=st.none() | _text,
    last_ping_time=_times,
)
_states = st.none() | st.builds(
    PatchState, instance_id=_text, snapshot_id=st.none() | _text, missing_count=st.none() | st.integers(0, 2**40)
)
_scan_members = st.fixed_dictionaries(
    {
        "target": st.sampled_from([TARGET, Target("222222222222", "us-east-1")]),
        "node": _nodes,
        "state": _states,
        "status": st.sampled_from(NodeStatus),
        "reason": st.none() | _text,
        "patches": st.lists(_patches, max_size=5).map(patch_rows_of),
        "pages": st.integers(0, 9),
        "restarts": st.integers(0, 9),
        "scanned_at": st.integers(0, 4_000_000_000_000),
    }
)
# Hypothesis builds no struct whose annotations cannot be read at run time.
node_scans = st.lists(_scan_members.map(lambda members: NodeScan(**members)), max_size=6)
