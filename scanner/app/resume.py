"""Starts a new scan or reopens an unfinished one."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio
from msgspec import Struct, convert, structs, to_builtins

from scanner import __version__
from scanner.app.demo import demo_settings, next_demo_time, scan_clock
from scanner.core.concurrency import unwrap_single_error
from scanner.core.errors import ConfigError, StoreBusy, StoreError
from scanner.core.interfaces import Clock
from scanner.core.model import EpochMs
from scanner.core.safe_text import MASK
from scanner.core.scan_request import ScanRequest, request_of
from scanner.core.settings import CoverageSettings, NodeSettings, ScopeSettings, Settings
from scanner.reports.summary import store_option
from scanner.store.done_nodes import DoneNodes
from scanner.store.manifest import ScanHeader
from scanner.store.open_scan import OpenScan
from scanner.store.store import Store

DISCARD_WITHIN_S = 5.0


class ActiveScan(Struct, frozen=True):
    """The scan of this run; `done` is what an earlier run of it delivered, `notes` what the user should know."""

    stored: OpenScan
    started_at: EpochMs
    settings: Settings
    demo: bool
    is_resumed: bool
    done: DoneNodes
    notes: tuple[str, ...] = ()
    clock: Clock = time.time  # of the demonstration: that of the simulated day

    @property
    def scan_id(self) -> str:
        return self.stored.scan_id


@asynccontextmanager
async def open_scan(
    store: Store,
    settings: Settings,
    resume: str | None,
    *,
    demo: bool,
    demo_day: int | None = None,
    new_id: str | None = None,
) -> AsyncIterator[ActiveScan]:
    """Starts a new scan or reopens an unfinished one, and holds it against other processes.

    A new scan gets the id `new_id`, if one is given. A resumed scan keeps its scope, filters and mode; speed, sinks and
    output are the caller's to change. A scan that holds nothing at the end leaves no trace.

    Raises:
        ScanNotFound: there is no unfinished scan of this id.
        ConfigError: the store cannot keep two processes off one scan, and the settings do not accept that.
        StoreBusy: another process is writing the scan, or took it over.
        StoreError: the store cannot be used; the text says how to resume where there is something to resume.
    """
    is_new_demo = demo and resume is None
    started_at = await next_demo_time(store, demo_day) if is_new_demo else int(time.time() * 1000)
    if resume is None:
        scan_id = new_id or store.new_scan_id(started_at)
    else:
        scan_id = await store.resolve_unfinished(None if resume == "latest" else resume)
    notes = _guard_notes(store, settings, has_conditions=await store.test_writes(), is_resumed=resume is not None)
    async with store.open_scan(scan_id) as stored:
        try:
            with unwrap_single_error():
                if resume is None:
                    yield await _begun(stored, started_at, settings, notes, demo=demo)
                else:
                    yield await _reopened(store, stored, settings, notes)
        except BaseException as error:
            if isinstance(error, StoreBusy) or stored.is_committed:
                raise
            is_gone = False
            with anyio.move_on_after(DISCARD_WITHIN_S, shield=True), suppress(StoreError):
                is_gone = await stored.discard_if_empty()
            if isinstance(error, StoreError) and not is_gone and "--resume" not in str(error):
                raise StoreError(f"{error}; then resume with `{resume_command(settings, scan_id)}`") from error
            raise


def _guard_notes(store: Store, settings: Settings, *, has_conditions: bool, is_resumed: bool) -> tuple[str, ...]:
    if has_conditions:
        return ()
    sentence = f"{store.url} ignores conditional writes (If-None-Match, If-Match), so two runs can write one scan"
    if is_resumed and not settings.store.resume_without_lease:
        raise ConfigError(
            f"{sentence}: make sure that no process is writing this scan any more, then resume with "
            "store.resume_without_lease (PATCHSWEEP_RESUME_WITHOUT_LEASE=true)"
        )
    return (f"{sentence}: never resume a scan while its process is running",)


async def _begun(
    stored: OpenScan, started_at: EpochMs, settings: Settings, notes: tuple[str, ...], *, demo: bool
) -> ActiveScan:
    settings = demo_settings(settings) if demo else settings
    header = ScanHeader(stored.scan_id, started_at, __version__, request_of(settings), demo, settings.label)
    await stored.begin(header)
    clock = scan_clock(started_at, demo=demo)
    return ActiveScan(stored, started_at, settings, demo, False, DoneNodes({}, []), notes, clock)


async def _reopened(store: Store, stored: OpenScan, settings: Settings, notes: tuple[str, ...]) -> ActiveScan:
    header = await store.header(stored.scan_id)
    settings = resumed_settings(header.request, demo_settings(settings) if header.demo else settings)
    done = await stored.prepare_resume()
    nodes = sum(len(target.instance_ids) for target in done.targets.values())
    ignored = tuple(f"{file.name} was not used: {file.reason}" for file in done.ignored)
    notes = (*notes, f"resumed: {nodes:,} nodes were in the store already", *ignored)
    clock = scan_clock(header.started_at, demo=header.demo)
    return ActiveScan(
        stored, header.started_at, settings, header.demo, is_resumed=True, done=done, notes=notes, clock=clock
    )


def resumed_settings(request: ScanRequest, now: Settings) -> Settings:
    """Returns the current settings with what the scan was started with where that decides its rows.

    Sinks are those of the start unless others are named. The store keeps no secrets: they come from the current
    settings.

    Raises:
        ConfigError: a secret of the start is not given.
    """
    check_external_id(request, now)
    settings = requested_settings(request, now)
    check_sink_secrets(settings.sinks)
    return settings


def requested_settings(request: ScanRequest, now: Settings) -> Settings:
    """Returns the current settings with what the scan was started with, whether or not the secrets are there."""
    scope, nodes, patches = request.scope, request.nodes, request.patches
    return structs.replace(
        now,
        scope=ScopeSettings(
            accounts=scope.accounts,
            exclude_accounts=scope.exclude_accounts,
            ous=scope.ous,
            exclude_ous=scope.exclude_ous,
            regions=scope.regions,
            exclude_regions=scope.exclude_regions,
            role_name=scope.role_name,
            external_id=now.scope.external_id,
        ),
        nodes=convert(to_builtins(nodes), NodeSettings),
        coverage=convert(to_builtins(request.coverage or now.coverage), CoverageSettings),
        patches=structs.replace(now.patches, **structs.asdict(patches)),
        mode=request.mode,
        sinks=now.sinks or request.sinks,
    )


def check_external_id(request: ScanRequest, now: Settings) -> None:
    """Raises `ConfigError` if the scan was started with an external id, and none is given now."""
    if request.scope.has_external_id and now.scope.external_id is None:
        raise ConfigError(
            "the scan was started with an external id, which the store does not keep: "
            "give it again with PATCHSWEEP_EXTERNAL_ID or --external-id"
        )


def check_sink_secrets(sinks: tuple[str, ...]) -> None:
    """Raises `ConfigError` for a sink whose secret is masked."""
    for sink in sinks:
        if MASK in sink:
            raise ConfigError(
                f"the scan was started with the sink {sink}, whose secret the store does not keep: "
                "name the scan's sinks again with --sink"
            )


def resume_command(settings: Settings, scan_id: str | None = None) -> str:
    """Returns the command that resumes a scan of this store, the newest unless it is named."""
    return command_here(settings, "scan --resume" if scan_id is None else f"scan --resume {scan_id}")


def command_here(settings: Settings, words: str) -> str:
    """Returns a command for people to run next, on the store of these settings."""
    return f"patchsweep {words}{store_option(settings.store.location)}"


def no_plan(settings: Settings, scan_id: str) -> ConfigError:
    """Returns the error of a scan that has no plan, so that no worker can read it."""
    command = command_here(settings, f"begin --resume {scan_id}")
    return ConfigError(f"the scan {scan_id} has no plan: write one with `{command}`")
