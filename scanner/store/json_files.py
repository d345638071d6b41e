"""The JSON files of a store as bytes and back, of every format version that patchsweep has written.

The last member of each file is the SHA-256 of all before it, so that a changed file is noticed. Members that this
version does not know are ignored.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TypeVar, cast

import msgspec
from msgspec import Struct, field

from scanner.core.errors import StoreError
from scanner.core.foreign_bytes import ForeignBytesError, decode_json
from scanner.core.model import EpochMs, Mode
from scanner.core.scan_request import NodeFilters, PatchFilters, RequestedScope, ScanRequest
from scanner.store.manifest import FORMAT, ScanHeader

_J = TypeVar("_J", bound=Struct)
_SEALED = re.compile(rb'(.*),\n  "sha256": "([0-9a-f]{64})"\n}\n', re.DOTALL)


class _Version(Struct, frozen=True):
    format: int = 1


class _ScopeOfFormat1(Struct, frozen=True):
    accounts: tuple[str, ...] = ("current",)
    exclude_accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ("current",)
    exclude_regions: tuple[str, ...] = ()
    role_name: str | None = None
    external_id: str | None = None


class _SettingsOfFormat1(Struct, frozen=True):
    """The sections of the settings that decide a scan's rows; format 1 stored all sections."""

    scope: _ScopeOfFormat1 = field(default_factory=_ScopeOfFormat1)
    nodes: NodeFilters = field(default_factory=NodeFilters)
    patches: PatchFilters = field(default_factory=PatchFilters)
    sinks: tuple[str, ...] = ()


class _HeaderOfFormat1(Struct, frozen=True):
    scan_id: str
    started_at: EpochMs
    version: str
    mode: Mode
    settings: _SettingsOfFormat1
    demo: bool = False

    def to_header(self) -> ScanHeader:
        old = self.settings.scope
        scope = RequestedScope(
            accounts=old.accounts,
            exclude_accounts=old.exclude_accounts,
            regions=old.regions,
            exclude_regions=old.exclude_regions,
            role_name=old.role_name,
            has_external_id=old.external_id is not None,
        )
        settings = self.settings
        request = ScanRequest(scope, settings.nodes, settings.patches, self.mode, settings.sinks)
        return ScanHeader(self.scan_id, self.started_at, self.version, request, self.demo, format=1)


def to_json(value: Struct) -> bytes:
    """Returns the file's bytes: indented, so that a person can read it, and sealed with its own digest."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).removesuffix(b"\n}")
    return b'%s,\n  "sha256": "%s"\n}\n' % (text, _digest(text))


def from_json(data: bytes, kind: type[_J], place: str) -> _J:
    """Returns what `to_json` wrote, in this version or an earlier one.

    Raises:
        StoreError: it is damaged, or a later version wrote it; the text names `place`.
    """
    try:
        version = decode_json(data, _Version).format
        if version > FORMAT:
            raise StoreError(
                f"{place} has store format {version}, this patchsweep reads formats 1 to {FORMAT}: upgrade patchsweep"
            )
        if version == 1 and issubclass(kind, ScanHeader):
            value: _J = cast("_J", decode_json(data, _HeaderOfFormat1).to_header())
        else:
            value = decode_json(data, kind)
    except ForeignBytesError as error:
        raise _damaged(place, str(error)) from error
    sealed = _SEALED.fullmatch(data)
    if sealed is None or sealed[2] != _digest(sealed[1]):
        raise _damaged(place, "it was changed after it was written")
    return value


def _digest(text: bytes) -> bytes:
    return sha256(text).hexdigest().encode()


def _damaged(place: str, why: str) -> StoreError:
    return StoreError(f"{place} is damaged ({why}): restore it from a copy or delete its scan")
