"""A scan begun anew, or one that was interrupted taken up where it was."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from shlex import quote

import anyio
from msgspec import Struct, convert, structs, to_builtins

from scanner import __version__
from scanner.app.demo import demo_settings
from scanner.core.errors import ConfigError
from scanner.core.model import EpochMs
from scanner.core.safe_text import MASK
from scanner.core.scan_request import ScanRequest, request_of
from scanner.core.settings import NodeSettings, ScopeSettings, Settings, StoreSettings
from scanner.store.manifest import ScanHeader
from scanner.store.store import DoneNodes, Store

TIDY_WITHIN_S = 5.0


class Opened(Struct, frozen=True):
    """A scan under way; `done` is what an earlier run of it delivered."""

    scan_id: str
    started_at: EpochMs
    settings: Settings
    demo: bool
    is_resumed: bool
    done: DoneNodes

    @property
    def notes(self) -> tuple[str, ...]:
        """What whoever resumes should know."""
        if not self.is_resumed:
            return ()
        nodes = sum(len(target.instance_ids) for target in self.done.targets.values())
        ignored = tuple(f"{file.name} was not used: {file.reason}" for file in self.done.ignored)
        return (f"resumed: {nodes:,} nodes were in the store already", *ignored)


@asynccontextmanager
async def open_scan(store: Store, settings: Settings, resume: str | None, *, demo: bool) -> AsyncIterator[Opened]:
    """Begin a scan, or reopen an unfinished one, and keep others off it; a scan that holds nothing leaves no trace.

    A resumed scan keeps its scope, filters and mode; how fast, where to and how to tell are the caller's to change.

    Raises:
        ScanNotFound: nothing unfinished to resume under this id.
        StoreError: the store cannot be used, or another process has the scan.
    """
    started_at = int(time.time() * 1000)
    if resume is None:
        scan_id = store.new_scan_id(started_at)
    else:
        scan_id = await store.resolve_unfinished(None if resume == "latest" else resume)
    async with store.exclusive(scan_id):
        try:
            if resume is None:
                settings = demo_settings(settings) if demo else settings
                await store.begin(ScanHeader(scan_id, started_at, __version__, request_of(settings), demo))
                yield Opened(scan_id, started_at, settings, demo, is_resumed=False, done=DoneNodes({}, []))
            else:
                yield await _reopened(store, settings, scan_id)
        except BaseException:
            with anyio.move_on_after(TIDY_WITHIN_S, shield=True):
                await store.discard_empty(scan_id)
            raise


async def _reopened(store: Store, settings: Settings, scan_id: str) -> Opened:
    header = await store.header(scan_id)
    settings = resumed_settings(header.request, demo_settings(settings) if header.demo else settings)
    done = await store.reopen(scan_id)
    return Opened(scan_id, header.started_at, settings, header.demo, is_resumed=True, done=done)


def resumed_settings(request: ScanRequest, now: Settings) -> Settings:
    """Returns the current settings with what the scan was started with where that decides its rows.

    Sinks are those of the start unless others are named. The store keeps no secrets: they come from the current
    settings.

    Raises:
        ConfigError: a secret of the start is not given.
    """
    scope, nodes, patches = request.scope, request.nodes, request.patches
    if scope.has_external_id and now.scope.external_id is None:
        raise ConfigError(
            "the scan was started with an external id, which the store does not keep: "
            "give it again with PATCHSWEEP_EXTERNAL_ID or --external-id"
        )
    settings = structs.replace(
        now,
        scope=ScopeSettings(
            accounts=scope.accounts,
            exclude_accounts=scope.exclude_accounts,
            regions=scope.regions,
            exclude_regions=scope.exclude_regions,
            role_name=scope.role_name,
            external_id=now.scope.external_id,
        ),
        nodes=convert(to_builtins(nodes), NodeSettings),
        patches=structs.replace(now.patches, **structs.asdict(patches)),
        mode=request.mode,
        sinks=now.sinks or request.sinks,
    )
    _check_secrets(settings.sinks)
    return settings


def _check_secrets(sinks: tuple[str, ...]) -> None:
    for sink in sinks:
        if MASK in sink:
            raise ConfigError(
                f"the scan was started with the sink {sink}, whose secret the store does not keep: "
                "name the scan's sinks again with --sink"
            )


def resume_command(settings: Settings, scan_id: str | None = None) -> str:
    """What to type to go on with a scan of this store, the newest unless it is named."""
    location = settings.store.location
    which = "" if scan_id is None else f" {scan_id}"
    store = "" if location == StoreSettings().location else f" --store {quote(location)}"
    return f"patchsweep scan --resume{which}{store}"
