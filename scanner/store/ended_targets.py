"""`ended/`: records of the targets that were read to their end, each written after the segments with their nodes.

A target without such a record was not read, whatever nodes of it the segments hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from hashlib import sha256

from msgspec import Struct, field

from scanner.core.concurrency import map_bounded
from scanner.core.errors import StoreError
from scanner.core.interfaces import Files
from scanner.core.model import CallCounts, TargetOutcome
from scanner.store.json_files import from_json, to_json
from scanner.store.layout import ScanNames, digest_in
from scanner.store.manifest import FORMAT
from scanner.store.segment_reader import FILES_AT_ONCE, IgnoredFile


class EndedTargets(Struct, frozen=True):
    """One record: targets that ended, and what one process has to say since its last record.

    Each outcome counts the nodes of its target in the whole scan: those that its reader found delivered, and those
    that it delivered itself. `calls` are requests that belong to no target, such as those for the roles.
    """

    targets: tuple[TargetOutcome, ...] = ()
    calls: CallCounts = field(default_factory=CallCounts)
    notes: tuple[str, ...] = ()
    format: int = FORMAT


class EndedList(Struct, frozen=True):
    """All readable records of a scan, and the files beside them that are not used."""

    records: list[EndedTargets]
    ignored: list[IgnoredFile]

    @property
    def outcomes(self) -> list[TargetOutcome]:
        """Returns every outcome; a target that was read several times is there several times."""
        return [outcome for record in self.records for outcome in record.targets]

    @property
    def notes(self) -> list[str]:
        """Returns every note once."""
        return list(dict.fromkeys(note for record in self.records for note in record.notes))

    @property
    def calls(self) -> CallCounts:
        """Returns the requests that belong to no target."""
        return sum_of_calls([record.calls for record in self.records])


def sum_of_calls(counts: Sequence[CallCounts]) -> CallCounts:
    """Returns the sum of these counts."""
    return CallCounts(
        sum(each.requests for each in counts),
        sum(each.throttles for each in counts),
        sum(each.retries for each in counts),
    )


async def write_ended(files: Files, names: ScanNames, writer: str, sequence: int, ended: EndedTargets) -> None:
    """Makes a record durable, under a name that no other writer uses."""
    data = to_json(ended)
    await files.put(names.ended_file(sequence, writer, sha256(data).hexdigest()), data)


async def list_ended(files: Files, names: ScanNames) -> EndedList:
    """Reads the records of a scan; a torn one is left out and named, and its targets count as not read.

    Raises:
        StoreError: the store itself cannot be read.
    """
    listed = await files.names(names.ended)
    read = await map_bounded(partial(_inspect, files), listed, FILES_AT_ONCE)
    return EndedList(
        [each for each in read if isinstance(each, EndedTargets)],
        [each for each in read if isinstance(each, IgnoredFile)],
    )


async def _inspect(files: Files, name: str) -> EndedTargets | IgnoredFile | None:
    """Returns None if the file was removed meanwhile."""
    named_digest = digest_in(name, "json")
    if named_digest is None:
        return IgnoredFile(name, "it is not named like a record of ended targets")
    data = await files.get(name)
    if data is None:
        return None
    if not sha256(data).hexdigest().startswith(named_digest):
        return IgnoredFile(name, "it is torn or was changed: its content does not match its name")
    try:
        return from_json(data, EndedTargets, name)
    except StoreError as error:
        return IgnoredFile(name, str(error))
