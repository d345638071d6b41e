"""The sinks of a run, from what the user wrote to guarded sinks, live ones apart from those that are replayed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from msgspec import Struct

from scanner.app.places import FilesOf
from scanner.errors import ConfigError
from scanner.interfaces import Sink
from scanner.sinks.context import SinkContext
from scanner.sinks.registry import SinkRegistry
from scanner.sinks.spec import SinkSpec


class RunSinks(Struct, frozen=True):
    """Sinks by their label."""

    live: dict[str, Sink]
    replayed: dict[str, Sink]

    @property
    def all(self) -> dict[str, Sink]:
        return {**self.live, **self.replayed}


def build_sinks(
    specs: Sequence[SinkSpec], registry: SinkRegistry, *, scan_id: str, files: FilesOf, stdout: BinaryIO
) -> RunSinks:
    """Every sink of these specs; nothing is touched yet.

    Raises:
        ConfigError: a spec that cannot work, or the same one twice.
    """
    context = SinkContext(scan_id, files, stdout)
    sinks = RunSinks({}, {})
    for spec in specs:
        if spec.label in sinks.all:
            raise ConfigError(f"the sink {spec.label} is named twice: name it once")
        sink = registry.build(spec, context)
        (sinks.live if sink.live else sinks.replayed)[spec.label] = sink
    return sinks
