"""`scans forget`: removes scans from the store and, where that is asked for, from the sinks."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import BinaryIO

from msgspec import Struct

from scanner.core.errors import SinkError
from scanner.core.forgetting_sink import ForgettingSink
from scanner.core.interfaces import Sink
from scanner.core.settings import Settings
from scanner.sinks.open import open_sinks
from scanner.store.open import open_store
from scanner.store.retention import Decision, KeepRules


class ForgetReport(Struct, frozen=True):
    """What was decided, which scans were removed, and why a sink still has one that was to go, by scan and sink."""

    decisions: list[Decision]
    removed: list[str]
    sink_failures: dict[str, dict[str, str]] = {}


async def run_forget(
    settings: Settings, rules: KeepRules, *, dry_run: bool, prune_sinks: bool, stdout: BinaryIO
) -> ForgetReport:
    """Removes the scans that no rule keeps.

    A scan leaves the sinks first: where one fails, the scan stays in the store, so that the next run tries again.

    Args:
        settings: name the store, and the sinks for `prune_sinks`.
        rules: what to keep.
        dry_run: only decide.
        prune_sinks: remove the scans from the sinks of the settings too.
        stdout: where a sink on `-` would write.

    Raises:
        ConfigError: a sink that cannot work.
        StoreError: the store cannot be read or changed.
    """
    async with open_store(settings) as store:
        decisions = await store.decisions(rules, datetime.now(UTC))
        doomed = [each.scan_id for each in decisions if not each.is_kept]
        if dry_run:
            return ForgetReport(decisions, [])
        failures: dict[str, dict[str, str]] = {}
        if prune_sinks:
            for scan_id in doomed:
                failed = await _forget_in_sinks(settings, scan_id, stdout)
                if failed:
                    failures[scan_id] = failed
        removed = await store.remove([scan_id for scan_id in doomed if scan_id not in failures])
        return ForgetReport(decisions, removed, failures)


async def _forget_in_sinks(settings: Settings, scan_id: str, stdout: BinaryIO) -> dict[str, str]:
    """Removes a scan from every sink; returns the reason for each that still has it."""
    async with open_sinks(settings, scan_id, stdout) as sinks:
        failures: dict[str, str] = {}
        for label, sink in sinks.all.items():
            try:
                await _forget(sink)
            except SinkError as error:
                failures[label] = str(error)
        return failures


async def _forget(sink: Sink) -> None:
    try:
        if not isinstance(sink, ForgettingSink):
            raise SinkError("this sink cannot remove a single scan; remove what it wrote by hand")
        await sink.forget()
    finally:
        with suppress(SinkError):
            await sink.aclose()
