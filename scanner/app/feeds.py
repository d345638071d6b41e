"""Reads the feeds that the settings name, each in the format that its key stands for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from anyio import to_thread

from scanner.core.errors import ConfigError
from scanner.core.settings import Settings
from scanner.files.user_files import UserFile, user_files
from scanner.reports.check.waivers import Waiver, read_waivers
from scanner.reports.feeds.bounded import Bounds, UnreadableError, read_documents, read_whole
from scanner.reports.feeds.epss import read_epss
from scanner.reports.feeds.feed import Feed, FeedKind, not_a_feed
from scanner.reports.feeds.kev import read_kev
from scanner.reports.feeds.msrc import MsrcReader
from scanner.reports.feeds.osv import OsvReader

_BOUNDS = Bounds()
_OSV_BOUNDS = Bounds(document_bytes=64 * 1024 * 1024)


async def read_waiver_file(settings: Settings) -> tuple[Waiver, ...]:
    """Reads the waivers that the settings name.

    Raises:
        ConfigError: no file is named, or it cannot be read.
    """
    place = settings.check.waivers
    if place is None:
        raise ConfigError("no file of waivers is named; give --waivers or the key check.waivers")
    file = next(await user_files(place, settings), None)
    if file is None or file.name != place:
        raise ConfigError(f"{place}: the waivers have to be one file")
    try:
        with file.open() as stream:
            return read_waivers(read_whole(stream, _BOUNDS), place)
    except UnreadableError as error:
        raise ConfigError(f"{place}: the waivers cannot be read: {error}") from error


def named_feeds(settings: Settings) -> dict[FeedKind, tuple[str, ...]]:
    """Returns the places of the feeds that the settings name."""
    feeds = settings.feeds
    places = {
        FeedKind.KEV: (feeds.kev,) if feeds.kev else (),
        FeedKind.EPSS: (feeds.epss,) if feeds.epss else (),
        FeedKind.MSRC: feeds.msrc,
        FeedKind.OSV: feeds.osv,
    }
    return {kind: named for kind, named in places.items() if named}


async def read_feed(settings: Settings, kind: FeedKind, wanted: frozenset[str] | None = None) -> Feed:
    """Reads one feed; of OSV records only the rows of the `wanted` CVEs are kept, if those are given.

    Raises:
        ConfigError: the settings do not name it, a file cannot be read, or is not what it is named as.
    """
    files = [(place, await user_files(place, settings)) for place in named_feeds(settings).get(kind, ())]
    if not files:
        raise ConfigError(f"no {kind.upper()} file is named; give --{kind} or the key feeds.{kind}")
    return await to_thread.run_sync(partial(_read, kind, files, wanted))


async def read_feeds(settings: Settings) -> list[Feed]:
    """Reads every feed that is named.

    Raises:
        ConfigError: one line for each that cannot be read.
    """
    feeds: list[Feed] = []
    problems: list[str] = []
    for kind in named_feeds(settings):
        try:
            # Rows of OSV are read when a CVE is asked for: all of them are millions.
            feeds.append(await read_feed(settings, kind, frozenset()))
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))
    return feeds


def _read(kind: FeedKind, places: list[tuple[str, Iterator[UserFile]]], wanted: frozenset[str] | None) -> Feed:
    match kind:
        case FeedKind.MSRC:
            msrc = MsrcReader()
            for place, files in places:
                for name, data in _documents(kind, place, files, _BOUNDS):
                    msrc.add(data, name)
            return msrc.feed()
        case FeedKind.OSV:
            osv = OsvReader(wanted)
            for place, files in places:
                osv.add_source(place)
                for name, data in _documents(kind, place, files, _OSV_BOUNDS):
                    osv.add(data, name)
            return osv.feed()
        case _:
            [(place, files)] = places
            data = _whole(kind, place, files)
            return read_kev(data, place) if kind is FeedKind.KEV else read_epss(data, place)


def _documents(kind: FeedKind, place: str, files: Iterator[UserFile], bounds: Bounds) -> Iterator[tuple[str, bytes]]:
    """Yields name and bytes of each document of a place; one that has none is a mistake."""
    is_empty = True
    for file in files:
        try:
            with file.open() as stream:
                for document in read_documents(stream, file.name, bounds):
                    is_empty = False
                    yield document
        except UnreadableError as error:
            raise not_a_feed(kind, file.name, str(error)) from error
    if is_empty:
        raise not_a_feed(kind, place, "it has no JSON file")


def _whole(kind: FeedKind, place: str, files: Iterator[UserFile]) -> bytes:
    file = next(files, None)
    if file is None or file.name != place:
        raise not_a_feed(kind, place, "it is a folder; name the file in it")
    try:
        with file.open() as stream:
            return read_whole(stream, _BOUNDS)
    except UnreadableError as error:
        raise not_a_feed(kind, place, str(error)) from error
