"""`filtering.json`: what filtered listings cost when a scan or `doctor` last measured it, for plans and later scans."""

from __future__ import annotations

from contextlib import suppress

from msgspec import Struct

from scanner.core.errors import StoreError
from scanner.core.filtered_pages import FilteredPages
from scanner.core.interfaces import Files
from scanner.core.model import EpochMs
from scanner.store.json_files import from_json, to_json
from scanner.store.layout import FILTERING
from scanner.store.manifest import FORMAT

MAX_AGE_MS = 30 * 24 * 60 * 60 * 1000  # AWS may change what it does, so that what is older counts as not known


class Measurement(Struct, frozen=True):
    """The content of the file."""

    measured_at: EpochMs
    pages: FilteredPages
    format: int = FORMAT


async def read_measurement(files: Files, now: EpochMs) -> FilteredPages:
    """Returns what was measured last; nothing where that is too old, or where the file is damaged or cannot be read.

    A scan and a plan can do without it: they then know less.
    """
    with suppress(StoreError):
        data = await files.get(FILTERING)
        if data is not None:
            found = from_json(data, Measurement, f"{files.url}/{FILTERING}")
            if now - found.measured_at <= MAX_AGE_MS:
                return found.pages
    return FilteredPages()


async def write_measurement(files: Files, pages: FilteredPages, now: EpochMs) -> None:
    """Keeps what was measured, if it is enough to tell; a store that cannot take it loses nothing else."""
    if pages.share is not None:
        with suppress(StoreError):
            await files.put(FILTERING, to_json(Measurement(now, pages)))
