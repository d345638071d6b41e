"""An app with no AWS and no clock: it remembers what it was asked and ends as it is told to. Its store is a folder."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import BinaryIO

from msgspec import Struct

from scanner.app.begin import Begun
from scanner.app.feeds import read_feed, read_feeds, read_waiver_file
from scanner.app.time_to_patch import read_patch_times
from scanner.app.worker import WorkReport
from scanner.core.interfaces import Observer
from scanner.core.model import CallCounts, ManagedNode, NodeScan, NodeStatus, Scope, Target, TargetOutcome, TargetStatus
from scanner.core.patch_rows import NO_PATCHES
from scanner.core.settings import LimitSettings, Settings
from scanner.files.local import LocalFiles
from scanner.reports.diagnosis import Diagnosis
from scanner.reports.html.trend import Trend
from scanner.reports.plan import Plan
from scanner.reports.scan_result import ScanResult
from scanner.reports.scan_row import ScanIdentity, scan_row
from scanner.store.store import Store

TARGETS = [Target("111122223333", "eu-west-1", "payments"), Target("444455556666", "us-east-1")]


def outcome(target, status=TargetStatus.SCANNED, reason=None, **counts):
    zero = {"nodes": 0, "patch_rows": 0, "requests": 0, "throttles": 0, "retries": 0}
    return TargetOutcome(target, status, reason, **{**zero, **counts}, started_at=1_000, finished_at=2_500)


def finished(outcomes, nodes, *, scope=None, sink_failures=None, notes=(), missing=None, store="./patchsweep-data"):
    row = scan_row(
        ScanIdentity(
            "20261123T210611Z-a1b2c3",
            started_at=1_795_381_571_000,
            mode="full",
            states=(),
            scope=scope or Scope("current", "current"),
            version="0.1.0",
        ),
        finished_at=1_795_381_771_500,
        outcomes=outcomes,
        nodes=nodes,
    )
    return ScanResult(
        scan=row,
        outcomes=tuple(outcomes),
        node_gaps=(),
        missing=missing or {},
        failed={},
        lacking_by_account={},
        sink_failures=sink_failures or {},
        notes=tuple(notes),
        store=store,
        elapsed_s=200.5,
    )


class PublishReport(Struct, frozen=True):
    scan_id: str
    rows: int
    failures: dict[str, str]
    note: str | None = None


class FakeApp:
    """Stands where `scanner.app` stands."""

    def __init__(self, ending: ScanResult | BaseException | None = None) -> None:
        self.ending = ending or finished([outcome(TARGETS[0], nodes=2)], {NodeStatus.VERIFIED: 2})
        self.settings: Settings | None = None
        self.resume: str | None = None
        self.demo: bool | None = None
        self.plan = Plan((), LimitSettings(), Scope("current", "current"))
        self.diagnosis: Diagnosis | None = None
        self.published: str | None = None
        self.publish_failures: dict[str, str] = {}

    def __call__(self) -> FakeApp:
        return self

    async def run_scan(
        self,
        settings: Settings,
        *,
        resume: str | None,
        demo: bool,
        observers: Sequence[Observer],
        stdout: BinaryIO,
        demo_day: int | None = None,
    ) -> ScanResult:
        self.settings, self.resume, self.demo = settings, resume, demo
        if isinstance(self.ending, BaseException):
            raise self.ending
        for result in self.ending.outcomes:
            for observer in observers:
                observer.target_opened(result.target, CallCounts())
                observer.nodes_found(result.target, 1)
                observer.node_ended(node_scan(result.target))
                observer.target_ended(result)
        stdout.flush()
        return self.ending

    async def read_trend(self, store, scan_id, *, stale_after_days) -> Trend:
        return Trend(())

    async def read_patch_times(self, store, scan_id, days):
        return await read_patch_times(store, scan_id, days)

    async def run_begin(self, settings, *, resume, demo, stdout, scan_id=None) -> Begun:
        self.settings, self.resume, self.demo = settings, resume, demo
        return Begun(scan_id or self.ending.scan.scan_id, 2, ["one account is suspended"])

    async def run_work(self, settings, scan_id, part, *, observers) -> WorkReport:
        self.settings = settings
        return WorkReport(scan_id, part, 2)

    async def run_finish(self, settings, scan_id, *, observers, stdout) -> ScanResult:
        self.settings = settings
        return self.ending

    async def run_notify(self, settings, message, metrics) -> dict[str, str]:
        return {}

    async def run_plan(self, settings: Settings, *, demo: bool) -> Plan:
        self.settings, self.demo = settings, demo
        return self.plan

    async def run_doctor(self, settings: Settings, *, demo: bool, stdout: BinaryIO) -> Diagnosis:
        self.settings, self.demo = settings, demo
        assert self.diagnosis is not None
        return self.diagnosis

    async def run_publish(self, settings: Settings, scan_id: str | None, *, stdout: BinaryIO) -> PublishReport:
        self.settings, self.published = settings, scan_id
        return PublishReport(scan_id or "the-newest", 1_234, self.publish_failures)

    async def read_feed(self, settings, kind, wanted=None):
        return await read_feed(settings, kind, wanted)

    async def read_feeds(self, settings):
        return await read_feeds(settings)

    async def read_waiver_file(self, settings):
        return await read_waiver_file(settings)

    @asynccontextmanager
    async def open_store(self, settings: Settings) -> AsyncIterator[Store]:
        yield Store(LocalFiles(settings.store.location))


def node_scan(target, status=NodeStatus.VERIFIED, reason=None, instance_id="i-0123456789abcdef0"):
    return NodeScan(target, ManagedNode(instance_id), None, status, reason, NO_PATCHES, 1, 0, 1_795_381_571_000)
