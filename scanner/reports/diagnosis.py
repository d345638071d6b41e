"""What `doctor` found: each thing that a scan needs, with the reason where it does not work."""

from __future__ import annotations

from msgspec import Struct

from scanner.core.machines import SourceCheck
from scanner.core.model import Scope, Target, TargetStatus


class PlaceCheck(Struct, frozen=True):
    """The store or a sink; `failure` is None where it can be used. `stops_scan`: with it a scan would not begin."""

    place: str
    failure: str | None = None
    stops_scan: bool = False


class TargetCheck(Struct, frozen=True):
    """A target that was tried; `has_nodes` False: nothing but the listing of its nodes could be.

    `refused` are the requests of further sources that do not work there.
    """

    target: Target
    status: TargetStatus
    reason: str | None = None
    has_nodes: bool = False
    refused: tuple[SourceCheck, ...] = ()


class Diagnosis(Struct, frozen=True):
    """All that was tried. `takes_large_pages` is None where that could not be tried, or is no question.

    `filters_are_cheap`: AWS filters patches before it cuts a listing into pages; None where that was not found out.
    """

    caller: str
    region: str
    scope: Scope
    store: PlaceCheck
    sinks: tuple[PlaceCheck, ...]
    targets: tuple[TargetCheck, ...]
    takes_large_pages: bool | None
    filters_are_cheap: bool | None = None

    @property
    def gaps(self) -> list[TargetCheck]:
        """Returns the targets that would keep a scan from being complete."""
        return [check for check in self.targets if self.scope.is_gap(check.status)]
