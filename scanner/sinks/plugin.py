"""Sinks of other distributions: checked when they are loaded, and wrapped so that every error names them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from typing import ClassVar, TypeVarTuple

from msgspec import Struct

from scanner.core.errors import ConfigError, PatchsweepError, SinkError
from scanner.core.interfaces import NodeBatch, ProbedSink, ScanSummary, Sink
from scanner.sinks.context import SinkContext, SinkFactory
from scanner.sinks.spec import SinkSpec

#: Of `Sink` and `SinkContext`; a plug-in's factory or class carries its own as `api_version`.
API_VERSION = 1

_Arguments = TypeVarTuple("_Arguments")
_PARTS = ("live", "write", "commit", "aclose")


class Origin(Struct, frozen=True):
    """Where a plugin comes from."""

    distribution: str
    version: str

    @classmethod
    def from_entry_point(cls, plugin: EntryPoint) -> Origin:
        """Returns the distribution that declares the entry point."""
        return cls(plugin.dist.name, plugin.dist.version) if plugin.dist else cls("unknown", "?")

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


def load_plugin(plugin: EntryPoint) -> SinkFactory:
    """Returns the factory behind an entry point.

    Raises:
        ConfigError: its module cannot be imported, or it was written for another version of the interface.
    """
    origin = Origin.from_entry_point(plugin)
    with _naming_plugin(ConfigError, f"the sink {plugin.name!r} of {origin} cannot be loaded", str):
        factory: SinkFactory = plugin.load()
    version = getattr(factory, "api_version", None)
    if version != API_VERSION:
        raise ConfigError(
            f"the sink {plugin.name!r} of {origin} is written for version {version} of the sink interface and this is "
            f"version {API_VERSION}: install a release of {origin.distribution} that has api_version = {API_VERSION}"
        )
    return factory


def make_plugin_sink(factory: SinkFactory, spec: SinkSpec, context: SinkContext, origin: Origin) -> Sink:
    """Returns the plug-in's sink; all it raises from now on is a `SinkError` that names it.

    Raises:
        ConfigError: the plugin does not take this `where`, or what it made is not a sink.
    """
    with _naming_plugin(ConfigError, f"the sink {spec.label} of {origin} cannot be made", spec.redacted):
        sink = factory(spec.where, context)
    missing = [name for name in _PARTS if not hasattr(sink, name)]
    if missing:
        raise ConfigError(f"the sink {spec.label} of {origin} is no sink: it has no {', '.join(missing)}")
    if not _is_count(getattr(sink, "writes_at_once", 1)):
        raise ConfigError(f"the sink {spec.label} of {origin} is no sink: its writes_at_once is no number from 1 on")
    return (_LivePlugin if sink.live else _TablePlugin)(
        sink, f"the sink {spec.label} of {origin} failed", spec.redacted
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value >= 1


@contextmanager
def _naming_plugin(kind: type[PatchsweepError], what: str, mask: Callable[[str], str]) -> Iterator[None]:
    """Turns whatever foreign code raises into one sentence that names the plug-in and quotes no secret."""
    try:
        yield
    except PatchsweepError as error:
        raise kind(mask(str(error))) from error
    # Foreign code may raise anything, and a fault in it must cost its own sink only, never the scan.
    except Exception as error:
        raise kind(mask(f"{what}: {type(error).__name__}: {error}")) from error


class _Plugin:
    """A plug-in's sink whose every error is a `SinkError`."""

    def __init__(self, sink: Sink, failure: str, mask: Callable[[str], str]) -> None:
        self._sink = sink
        self._failure = failure
        self._mask = mask
        self.writes_at_once: int = getattr(sink, "writes_at_once", 1)

    async def write(self, batch: NodeBatch) -> None:
        from anyio import to_thread  # noqa: PLC0415 - `patchsweep sinks` lists plug-ins and loads no library for it

        from scanner.core.tables import plain_batch  # noqa: PLC0415 - as above

        await self._call(self._sink.write, await to_thread.run_sync(plain_batch, batch))

    async def commit(self, scan: ScanSummary) -> None:
        await self._call(self._sink.commit, scan)

    async def probe(self) -> None:
        """Tries the plug-in's sink, if it can be tried; otherwise does nothing."""
        if isinstance(self._sink, ProbedSink):
            await self._call(self._sink.probe)

    async def aclose(self) -> None:
        await self._call(self._sink.aclose)

    async def _call(self, method: Callable[[*_Arguments], Awaitable[None]], *arguments: *_Arguments) -> None:
        with _naming_plugin(SinkError, self._failure, self._mask):
            await method(*arguments)


class _LivePlugin(_Plugin):
    live: ClassVar[bool] = True


class _TablePlugin(_Plugin):
    live: ClassVar[bool] = False
