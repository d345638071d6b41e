"""Machines and patches with a history, in views of their own: a store fills the same columns from its scans."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from scanner.core.model import NodeStatus, ScanRow, Scope, TargetStatus
from scanner.core.scan_files import ScanFiles
from scanner.core.tables import NODES, PATCHES, TAGS, TARGETS
from scanner.reports.check.evaluate import Check, check
from scanner.reports.check.policy import AgeLimit, Policy
from scanner.reports.scan_row import scan_status
from scanner.reports.sql.query import Views

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
DAY_MS = 86_400_000
ACCOUNT, REGION = "111122223333", "eu-west-1"
SCAN_ID = "20261125T110000Z-abcdef"
KEY = {"scan_id": SCAN_ID, "account_id": ACCOUNT, "region": REGION}
CVE = "CVE-2026-12345"


def days_ago(days):
    return None if days is None else NOW - timedelta(days=days)


def machine(name="i-1", status="verified", scanned=0.5, history=100.0, **facts):
    """A row of `nodes`, whose last patch scan ended `scanned` days ago and whose history is `history` days long."""
    return {
        **KEY,
        "instance_id": name,
        "status": status,
        "ping_status": "Online",
        "operation_end_time": days_ago(scanned),
        "history_since": days_ago(history),
    } | facts


def patch(name="i-1", kb_id="openssl.x86_64", since=None, severity="Critical", state="MISSING", cves=(), **facts):
    """A row of `patches`, first seen lacking `since` days ago."""
    return {
        **KEY,
        "instance_id": name,
        "kb_id": kb_id,
        "title": f"{kb_id}:1.0",
        "classification": "Security",
        "severity": severity,
        "state": state,
        "cve_ids": list(cves),
        "missing_since": days_ago(since),
        "package_missing_since": days_ago(since),
    } | facts


def tag(key, value, name="i-1"):
    return {**KEY, "instance_id": name, "key": key, "value": value}


def target(status="scanned", ou_path="o-a/r-b/ou-b-12345678/ou-b-87654321", **facts):
    return {**KEY, "status": status, "ou_path": ou_path} | facts


def scan_of(machines, targets):
    counts = {}
    for each in machines:
        counts[NodeStatus(each["status"])] = counts.get(NodeStatus(each["status"]), 0) + 1
    by_target = {}
    for each in targets:
        by_target[TargetStatus(each["status"])] = by_target.get(TargetStatus(each["status"]), 0) + 1
    scope = Scope("current", "current")
    return ScanRow(
        scan_id=SCAN_ID,
        status=scan_status(scope, by_target, counts),
        started_at=NOW_MS - 7_200_000,
        finished_at=NOW_MS - 3_600_000,
        mode="full",
        states=(),
        scope=scope,
        nodes={status.value: count for status, count in counts.items()},
        targets={status.value: count for status, count in by_target.items()},
        patch_rows=0,
        requests=0,
        throttles=0,
        version="0.2.0",
    )


def policy(*limits, **rules):
    made = tuple(AgeLimit(severity, int(days * DAY_MS)) for severity, days in limits)
    return Policy(made, **{"max_unread": 0, "max_unmanaged": 0} | rules)


@asynccontextmanager
async def views_of(machines=(), patches=(), tags=(), targets=(), **more):
    connection = duckdb.connect()
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    tables = {
        "nodes": (NODES, machines),
        "patches": (PATCHES, patches),
        "tags": (TAGS, tags),
        "targets": (TARGETS, targets),
    }
    try:
        views = Views(connection, ScanFiles((), (), (), (), ()), Path())
        await views.add_tables({name: rows_of(schema, rows) for name, (schema, rows) in tables.items()} | more)
        yield views
    finally:
        connection.close()


def rows_of(schema, rows):
    """The rows as a table; columns that they do not name are null."""
    plain = pa.schema([pa.field(field.name, field.type) for field in schema])
    return pa.Table.from_pylist([{name: row.get(name) for name in plain.names} for row in rows], plain)


async def checked(rules, machines=(), patches=(), *, tags=(), targets=None, feeds=(), **asked):
    """The result of a check of these rows."""
    targets = (target(),) if targets is None else targets
    tables = {name: table for feed in feeds for name, table in feed.tables.items()}
    async with views_of(machines, patches, tags, targets, **tables) as views:
        question = Check(rules, NOW_MS, 7, feeds=tuple(feeds), **asked)
        return await check(views, scan_of(machines, targets), question)
