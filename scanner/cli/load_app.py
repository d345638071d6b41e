"""What the commands ask of `scanner.app`, and its loading on first use: it brings the AWS SDK and Arrow with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from scanner.app import Begun, ForgetReport, PatchTimes, PublishReport, WorkReport
    from scanner.core.interfaces import Observer
    from scanner.core.settings import Settings
    from scanner.core.worker_place import WorkerPlace
    from scanner.notify.message import Message
    from scanner.reports.check.waivers import Waiver
    from scanner.reports.diagnosis import Diagnosis
    from scanner.reports.feeds.feed import Feed, FeedKind
    from scanner.reports.html.trend import Trend
    from scanner.reports.metrics.values import Metric
    from scanner.reports.plan import Plan
    from scanner.reports.scan_result import ScanResult
    from scanner.store.retention import KeepRules
    from scanner.store.store import Store


class App(Protocol):
    """The part of `scanner.app` that commands call; the module itself fits."""

    async def run_scan(
        self,
        settings: Settings,
        *,
        resume: str | None,
        demo: bool,
        observers: Sequence[Observer],
        stdout: BinaryIO,
        demo_day: int | None = None,
    ) -> ScanResult: ...

    async def run_scan_by_workers(
        self,
        settings: Settings,
        place: WorkerPlace,
        *,
        resume: str | None,
        demo: bool,
        observers: Sequence[Observer],
        stdout: BinaryIO,
        demo_day: int | None = None,
    ) -> ScanResult: ...

    async def run_begin(
        self, settings: Settings, *, resume: str | None, demo: bool, stdout: BinaryIO, scan_id: str | None = None
    ) -> Begun: ...

    async def run_work(
        self, settings: Settings, scan_id: str, part: str, *, observers: Sequence[Observer]
    ) -> WorkReport: ...

    async def run_finish(
        self, settings: Settings, scan_id: str, *, observers: Sequence[Observer], stdout: BinaryIO
    ) -> ScanResult: ...

    async def run_plan(self, settings: Settings, *, demo: bool) -> Plan: ...

    async def run_doctor(self, settings: Settings, *, demo: bool, stdout: BinaryIO) -> Diagnosis: ...

    async def run_publish(self, settings: Settings, scan_id: str | None, *, stdout: BinaryIO) -> PublishReport: ...

    async def run_forget(
        self, settings: Settings, rules: KeepRules, *, dry_run: bool, prune_sinks: bool, stdout: BinaryIO
    ) -> ForgetReport: ...

    async def read_feed(self, settings: Settings, kind: FeedKind, wanted: frozenset[str] | None = None) -> Feed: ...

    async def read_feeds(self, settings: Settings) -> list[Feed]: ...

    async def read_waiver_file(self, settings: Settings) -> tuple[Waiver, ...]: ...

    async def read_patch_times(self, store: Store, scan_id: str, days: int) -> PatchTimes: ...

    async def read_trend(self, store: Store, scan_id: str, *, stale_after_days: int) -> Trend: ...

    async def run_notify(
        self, settings: Settings, message: Message | None, metrics: Sequence[Metric]
    ) -> dict[str, str]: ...

    def open_store(self, settings: Settings) -> AbstractAsyncContextManager[Store]: ...


AppLoader = Callable[[], App]


def load_app() -> App:
    """Imports the application, which is what makes a command slow to start."""
    from scanner.core.process import set_up_process

    set_up_process()
    from scanner import app

    return app
