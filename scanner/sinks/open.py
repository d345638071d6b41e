"""The sinks of a run, from what the user wrote to guarded sinks, live ones apart from those that are replayed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import BinaryIO

from msgspec import Struct

from scanner.core.errors import ConfigError
from scanner.core.interfaces import Sink
from scanner.core.settings import Settings
from scanner.files.open import FilesOf, open_places
from scanner.sinks.context import SinkContext
from scanner.sinks.registry import SinkRegistry, installed_sinks
from scanner.sinks.spec import SinkSpec, parse_spec


class RunSinks(Struct, frozen=True):
    """Sinks by their label."""

    live: dict[str, Sink]
    replayed: dict[str, Sink]

    @property
    def all(self) -> dict[str, Sink]:
        return {**self.live, **self.replayed}


@asynccontextmanager
async def open_sinks(settings: Settings, scan_id: str, stdout: BinaryIO) -> AsyncIterator[RunSinks]:
    """Yields every sink of the settings with its connections; nothing is touched yet, and the caller closes them.

    Raises:
        ConfigError: a spec that cannot work, or the same one twice.
    """
    specs = [parse_spec(text) for text in settings.sinks]
    async with open_places([spec.where for spec in specs], settings) as files:
        yield _built(specs, installed_sinks(), scan_id, files, stdout)


def _built(
    specs: Sequence[SinkSpec], registry: SinkRegistry, scan_id: str, files: FilesOf, stdout: BinaryIO
) -> RunSinks:
    context = SinkContext(scan_id, files, stdout)
    sinks = RunSinks({}, {})
    for spec in specs:
        if spec.label in sinks.all:
            raise ConfigError(f"the sink {spec.label} is named twice: name it once")
        sink = registry.build(spec, context)
        (sinks.live if sink.live else sinks.replayed)[spec.label] = sink
    return sinks
