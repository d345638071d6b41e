"""What passes between the run and its workers, as JSON: no rows of nodes, and nothing secret."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec import Struct, field

from scanner import __version__
from scanner.app.slices import Slice
from scanner.core.errors import ConfigError, CredentialsError, PatchsweepError
from scanner.core.foreign_bytes import decode_json
from scanner.core.model import Target, TargetOutcome
from scanner.core.settings import LimitSettings, Settings, StoreSettings, TransportName

_M = TypeVar("_M", bound=Struct)


class ScanTask(Struct, frozen=True):
    """Which scan is read, where it is kept, and how fast: the same for all of its bundles.

    The rest of the settings stands in the store. Credentials and the external id are those of the worker.
    """

    scan_id: str
    store: StoreSettings
    limits: LimitSettings
    transport: TransportName
    full_scan_every_days: int
    version: str = __version__

    @classmethod
    def from_settings(cls, scan_id: str, settings: Settings) -> ScanTask:
        """Returns the task of a scan under these settings; a relative folder must have been made absolute."""
        return cls(scan_id, settings.store, settings.limits, settings.transport, settings.full_scan_every_days)

    def settings(self, external_id: str | None) -> Settings:
        """Returns the settings of a worker, whose external id is its own."""
        plain = Settings()
        return msgspec.structs.replace(
            plain,
            scope=msgspec.structs.replace(plain.scope, external_id=external_id),
            store=self.store,
            limits=self.limits,
            transport=self.transport,
            full_scan_every_days=self.full_scan_every_days,
        )


class BundleTask(Struct, frozen=True):
    """A bundle to read, or without targets a share of the rows that are carried over once all targets are read.

    `is_fresh` is whether the scan can hold nothing of the targets unless a worker has died.
    """

    scan: ScanTask
    part: Slice
    targets: tuple[int, ...] = ()
    is_fresh: bool = False


class Failure(Struct, frozen=True):
    """An error that a user or AWS caused, and what follows from it."""

    text: str
    is_credentials: bool = False
    is_configuration: bool = False

    @classmethod
    def from_error(cls, error: PatchsweepError) -> Failure:
        return cls(str(error), isinstance(error, CredentialsError), isinstance(error, ConfigError))

    def to_error(self, suffix: str = "") -> PatchsweepError:
        """Returns the error with the same exit code; `suffix` goes on with its sentence."""
        text = self.text + suffix
        if self.is_credentials:
            return CredentialsError(text)
        return ConfigError(text) if self.is_configuration else PatchsweepError(text)


class BundleReport(Struct, frozen=True):
    """What came of a bundle: the outcomes of its targets, which are recorded in the store.

    It is complete unless the worker was about to close, or failed for a reason that concerns the whole scan.
    """

    outcomes: tuple[TargetOutcome, ...] = ()
    is_complete: bool = False
    failure: Failure | None = None


class NodesFound(Struct, frozen=True):
    """Nodes of a target that a worker has listed since its last news."""

    target: Target
    count: int


class News(Struct, frozen=True):
    """What a worker has seen since its last news; shown while the scan runs, and nothing depends on it."""

    opened: list[Target] = field(default_factory=list)
    found: list[NodesFound] = field(default_factory=list)
    ended: list[TargetOutcome] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.opened or self.found or self.ended)


def to_text(message: Struct) -> str:
    """Returns a message as JSON."""
    return msgspec.json.encode(message).decode()


def from_text(text: str, kind: type[_M]) -> _M:
    """Returns the message that `to_text` made."""
    return decode_json(text.encode(), kind)


def topic_of(scan_id: str) -> str:
    """Returns the name under which workers send their news of a scan."""
    return f"patchsweep-{scan_id}"
