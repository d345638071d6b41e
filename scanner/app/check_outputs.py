"""Tries what a run needs at its end, the sinks, before its first node: a night's reading for nothing costs more."""

from __future__ import annotations

from contextlib import suppress
from typing import BinaryIO

import anyio
from msgspec import structs

from scanner.core.errors import ConfigError, SinkError
from scanner.core.interfaces import ProbedSink, Sink
from scanner.core.safe_text import mask_secrets
from scanner.core.settings import Settings
from scanner.sinks.open import open_sinks

NO_SCAN = "doctor"  # stands for a scan id where sinks are opened and never written to
PROBE_WITHIN_S = 60.0  # twice what a database takes to give up a connection


async def check_sinks(settings: Settings, stdout: BinaryIO) -> None:
    """Tries every sink of the settings, one after the other.

    Raises:
        ConfigError: a sink that cannot work.
        SinkError: a sink that would not take the scan; names it and what to do.
    """
    for sink in settings.sinks:
        label = mask_secrets(sink)
        try:
            with anyio.fail_after(PROBE_WITHIN_S):
                await try_sink(settings, sink, stdout)
        except TimeoutError as error:
            raise _refusal(label, f"it did not answer within {PROBE_WITHIN_S:.0f} s") from error
        except SinkError as error:
            raise _refusal(label, str(error)) from error


async def refuse_live_sinks(settings: Settings, stdout: BinaryIO) -> None:
    """Refuses sinks that are fed while nodes arrive, which several processes cannot do together.

    Raises:
        ConfigError: there is one, or a sink that cannot work.
    """
    async with open_sinks(settings, NO_SCAN, stdout) as opened:
        for each in opened.all.values():
            await each.aclose()
        for label in opened.live:
            raise ConfigError(
                f"the sink {label} is fed while nodes arrive, which several workers cannot do: leave it out, and send "
                "it the scan at the end with `patchsweep publish`"
            )


async def try_sink(settings: Settings, sink: str, stdout: BinaryIO) -> None:
    """Opens a sink, and lets it try to write where it can do so without a trace; a plug-in may have no such probe.

    Raises:
        ConfigError: it cannot work.
        SinkError: it would not take a scan.
    """
    async with open_sinks(structs.replace(settings, sinks=(sink,)), NO_SCAN, stdout) as opened:
        for each in opened.all.values():
            await _probe(each)


async def _probe(sink: Sink) -> None:
    try:
        if isinstance(sink, ProbedSink):
            await sink.probe()
    finally:
        # A sink that cannot be closed still shows a scan; the end of the run names it.
        with suppress(SinkError):
            await sink.aclose()


def _refusal(label: str, reason: str) -> SinkError:
    return SinkError(
        f"nothing was read, because the sink {label} would not take the scan: {reason}; repair it, "
        "or scan without it and send the scan later with `patchsweep publish`"
    )
