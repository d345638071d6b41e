"""Finds sinks by type: the built-in ones in one table, others by the entry-point group `patchsweep.sinks`."""

from __future__ import annotations

import pkgutil
from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import cast

from msgspec import Struct

from scanner.core.did_you_mean import did_you_mean
from scanner.core.errors import ConfigError
from scanner.core.interfaces import Sink
from scanner.sinks.context import SinkContext, SinkFactory
from scanner.sinks.plugin import Origin, load_plugin, make_plugin_sink
from scanner.sinks.spec import SinkSpec

ENTRY_POINT_GROUP = "patchsweep.sinks"

#: Type -> `module:factory`, imported when the sink is used.
BUILT_INS: Mapping[str, str] = {
    "csv": "scanner.sinks.folder.csv:csv_sink",
    "duckdb": "scanner.sinks.duckdb.sink:duckdb_sink",
    "jsonl": "scanner.sinks.folder.jsonl:jsonl_sink",
    "parquet": "scanner.sinks.parquet.sink:parquet_sink",
    "postgresql": "scanner.sinks.postgresql.sink:postgresql_sink",
}
#: Type -> the package that is installed by the extra of the sink's name.
_EXTRAS: Mapping[str, str] = {"postgresql": "psycopg"}


class InstalledSink(Struct, frozen=True):
    """One line of `patchsweep sinks`; `note` says why the sink cannot be used under this name."""

    name: str
    distribution: str
    version: str
    note: str | None = None


class SinkRegistry:
    """The sinks that can be named in a spec. Nothing is imported before it is used."""

    def __init__(self, built_ins: Mapping[str, str], plugins: Iterable[EntryPoint] = ()) -> None:
        self._built_ins = built_ins
        self._plugins: dict[str, list[EntryPoint]] = defaultdict(list)
        for plugin in plugins:
            self._plugins[plugin.name].append(plugin)

    def installed(self, own_version: str) -> list[InstalledSink]:
        """Returns every sink by name, read from metadata alone; `own_version` stands behind the built-in ones."""
        built_in = [InstalledSink(name, "patchsweep", own_version, _lacking(name)) for name in self._built_ins]
        others = [
            InstalledSink(name, origin.distribution, origin.version, self._clash(name))
            for name, plugins in self._plugins.items()
            for origin in map(Origin.from_entry_point, plugins)
        ]
        return sorted([*built_in, *others], key=lambda sink: (sink.name, sink.note is not None, sink.distribution))

    def build(self, spec: SinkSpec, context: SinkContext) -> Sink:
        """Returns the sink of a spec, checked as far as that goes without touching what is there.

        Raises:
            ConfigError: an unknown type, a place that cannot work, a plugin that cannot be used, or an extra that is
                not installed.
        """
        if spec.type in self._built_ins:
            return self._factory(spec)(spec.where, context)
        match self._plugins.get(spec.type, []):
            case []:
                raise ConfigError(self._unknown(spec))
            case [plugin]:
                origin = Origin.from_entry_point(plugin)
                return make_plugin_sink(load_plugin(plugin), spec, context, origin)
            case _:
                raise ConfigError(f"the sink {spec.label} cannot be chosen: {self._clash(spec.type)}")

    def _factory(self, spec: SinkSpec) -> SinkFactory:
        try:
            return cast("SinkFactory", pkgutil.resolve_name(self._built_ins[spec.type]))
        except ImportError as error:
            if spec.type not in _EXTRAS:
                raise
            raise ConfigError(f"the sink {spec.label} {_need(spec.type)}") from error

    def _clash(self, name: str) -> str | None:
        if name in self._built_ins:
            return "hidden by the built-in sink of this name"
        rivals = sorted(Origin.from_entry_point(plugin).distribution for plugin in self._plugins[name])
        if len(rivals) > 1:
            return f"{' and '.join(rivals)} both bring a sink {name!r}: uninstall all but one"
        return None

    def _unknown(self, spec: SinkSpec) -> str:
        known = sorted({*self._built_ins, *self._plugins})
        hint = did_you_mean(spec.type, known)
        return f"the sink {spec.label} is of an unknown type {spec.type!r} (known: {', '.join(known)}){hint}"


def _lacking(built_in: str) -> str | None:
    return _need(built_in) if built_in in _EXTRAS and not find_spec(_EXTRAS[built_in]) else None


def _need(built_in: str) -> str:
    return f"needs the package {_EXTRAS[built_in]}: pip install 'patchsweep[{built_in}]'"


def installed_sinks() -> SinkRegistry:
    """Returns the built-in sinks, and those of every distribution in this environment."""
    return SinkRegistry(BUILT_INS, entry_points(group=ENTRY_POINT_GROUP))
