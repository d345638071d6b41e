"""Reads a committed scan, or what a sink got of it, without refusing what must not be there."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from pathlib import Path

from scanner.store.store import Store
from tests.faults.chaos.findings import Held, Row
from tests.faults.worlds import TRUE_COLUMNS


async def held_by(store: Store, scan_id: str) -> Held:
    """The scan as it lies in the store."""
    nodes: list[dict] = []
    patches: Counter[Row] = Counter()
    async for batch in store.replay(scan_id):
        nodes += batch.nodes.to_pylist()
        columns = [batch.patches.column(name).to_pylist() for name in TRUE_COLUMNS]
        patches.update(_row(*values) for values in zip(*columns, strict=True))
    return Held(nodes, patches, (await store.summary(scan_id)).targets.to_pylist())


def _row(account, region, instance, *rest) -> Row:
    *plain, time, cves = rest
    return (account, region, instance, *plain, time and round(time.timestamp() * 1000), tuple(cves))


def differences(folder: Path, held: Held) -> list[str]:
    """What a `jsonl:` folder holds otherwise than the store: nothing, once the scan has been sent there."""
    patches: Counter[Row] = Counter()
    with (folder / "patches.jsonl").open() as lines:
        for line in lines:
            row = json.loads(line)
            row["installed_time"] = row["installed_time"] and datetime.fromisoformat(row["installed_time"])
            patches[_row(*(row[name] for name in TRUE_COLUMNS))] += 1
    nodes = [json.loads(line) for line in (folder / "nodes.jsonl").read_text().splitlines()]
    keys = ("account_id", "region", "instance_id", "status", "reason", "patch_rows", "snapshot_id")
    expected = Counter(tuple(node[name] for name in keys) for node in held.nodes)
    got = Counter(tuple(node[name] for name in keys) for node in nodes)
    found = [("lacks the patch", row) for row in (held.patches - patches).elements()]
    found += [("has the patch", row) for row in (patches - held.patches).elements()]
    found += [("lacks the node", row) for row in (expected - got).elements()]
    found += [("has the node", row) for row in (got - expected).elements()]
    return [f"{folder.name} {word} {row}" for word, row in found]
