"""What a report finds in a store of nodes that are made by hand."""

from __future__ import annotations

from msgspec import structs

from scanner.core.model import NodeStatus, Scope, Target
from scanner.core.patch_rows import Patch, patch_rows_of
from scanner.core.settings import PatchSettings
from scanner.core.tables import segment_table
from scanner.files.local import LocalFiles
from scanner.reports.html.data import report
from scanner.reports.scan_row import ScanIdentity, scan_row
from scanner.store.store import Store
from tests.reports.open_store import views_of
from tests.store.samples import STARTED_MS, TARGET, header, node, opened, outcome

OTHER = Target("222222222222", "us-east-1", "dev")
FINISHED_MS = STARTED_MS + 60_000
FRESH = {"operation_end_time": STARTED_MS - 3_600_000}


def patched(number, *rows, target=TARGET, status=NodeStatus.VERIFIED, reason=None, **state):
    """A node whose patches have these (state, KB id, severity, CVE ids, title), later ones left out."""
    made = node(number, status=status, reason=reason, target=target)
    patches = [
        Patch(**dict(zip(("state", "kb_id", "severity", "cve_ids", "title"), row, strict=False))) for row in rows
    ]
    return structs.replace(made, patches=patch_rows_of(patches), state=structs.replace(made.state, **FRESH | state))


async def found(folder, nodes, outcomes=(), scope=None):
    """What the report of such a scan finds."""
    store = Store(LocalFiles(folder))
    scan_id = store.new_scan_id(STARTED_MS)
    await opened(store, scan_id).begin(header(scan_id))
    await opened(store, scan_id).add_segment(segment_table(scan_id, nodes))
    outcomes = list(outcomes) or [outcome(TARGET), outcome(OTHER)]
    row = scan_row(
        ScanIdentity(
            scan_id,
            started_at=STARTED_MS,
            mode="full",
            states=(),
            scope=scope or Scope("organization", "eu-west-1,us-east-1"),
            version="0.1.0",
        ),
        finished_at=FINISHED_MS,
        outcomes=outcomes,
        nodes={},
    )
    await opened(store, scan_id).commit(row, outcomes)
    async with views_of(store, [scan_id]) as views:
        return (await report(views, row, PatchSettings())).findings
