"""Finding sinks: the built-in table, and plugins that may be broken."""

from __future__ import annotations

import io
import subprocess
import sys
from importlib import import_module

import pytest

from scanner.core.errors import ConfigError, SinkError
from scanner.core.interfaces import Sink
from scanner.core.moved_modules import MOVED
from scanner.core.tables import PATCHES
from scanner.sinks.context import SinkContext
from scanner.sinks.registry import BUILT_INS, SinkRegistry, installed_sinks
from scanner.sinks.spec import parse_spec
from scanner.sinks.testing.samples import awkward_scan
from tests.sinks.memory_files import MemoryFiles
from tests.sinks.plugins import distribution, entry_points_in
from tests.sinks.publishing import as_stored

SCAN = awkward_scan("s1")
CONTEXT = SinkContext("s1", lambda _: MemoryFiles(), io.BytesIO())

GOOD = """
class Sink:
    api_version = 1
    live = False
    def __init__(self, where, context): self.where = where
    async def write(self, batch): pass
    async def commit(self, scan): pass
    async def aclose(self): pass
"""
RAISING = GOOD.replace("write(self, batch): pass", "write(self, batch): raise LookupError(f'no route to {self.where}')")


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A registry of the built-ins and of the given plugin modules, each a distribution `patchsweep-<name>` 1.2."""

    def make(**modules):
        for name, source in modules.items():
            distribution(tmp_path, f"patchsweep-{name}", {name: f"{name}_sink:Sink"}, {f"{name}_sink": source})
            monkeypatch.delitem(sys.modules, f"{name}_sink", raising=False)
        monkeypatch.syspath_prepend(tmp_path)
        return SinkRegistry(BUILT_INS, entry_points_in(tmp_path))

    return make


def build(registry, spec):
    return registry.build(parse_spec(spec), CONTEXT)


@pytest.mark.parametrize("name", BUILT_INS)
def test_every_built_in_sink_can_be_made(name, tmp_path):
    where = "//db/place" if name == "postgresql" else f"{tmp_path}/place"
    sink = build(SinkRegistry(BUILT_INS), f"{name}:{where}")
    assert isinstance(sink.live, bool)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_sink_is_refused_with_the_known_ones_and_a_guess():
    with pytest.raises(
        ConfigError, match=r"unknown type 'parqet' \(known: csv, duckdb, jsonl, parquet, postgresql\); did you mean pa"
    ):
        build(SinkRegistry(BUILT_INS), "parqet:out")


def test_a_sink_that_is_not_there_does_not_give_its_password_away():
    with pytest.raises(ConfigError, match=r"mysql://ann:\*\*\*@db/x is of an unknown type 'mysql'"):
        build(SinkRegistry(BUILT_INS), "mysql://ann:s3cret@db/x")


def test_a_plugin_is_listed_with_its_distribution_and_not_imported(registry):
    listed = registry(metrics="raise SystemError('imported')").installed("0.1")
    assert [(sink.name, sink.distribution, sink.version) for sink in listed] == [
        ("csv", "patchsweep", "0.1"),
        ("duckdb", "patchsweep", "0.1"),
        ("jsonl", "patchsweep", "0.1"),
        ("metrics", "patchsweep-metrics", "1.2"),
        ("parquet", "patchsweep", "0.1"),
        ("postgresql", "patchsweep", "0.1"),
    ]
    assert "metrics_sink" not in sys.modules


def test_a_plugin_is_used_by_its_name(registry):
    sink: Sink = build(registry(metrics=GOOD), "metrics:somewhere")
    assert sink.live is False


async def test_a_plugin_gets_texts_where_a_batch_from_the_store_has_dictionaries(registry):
    keeping = GOOD.replace("write(self, batch): pass", "write(self, batch): raise LookupError(batch.patches.schema)")
    with pytest.raises(SinkError) as caught:
        await build(registry(metrics=keeping), "metrics:x").write(as_stored(SCAN.batches[0]))
    assert str(PATCHES) in str(caught.value)


def test_a_built_in_sink_wins_over_a_plugin_of_its_name_and_the_list_says_so(registry):
    both = registry(csv=GOOD)
    assert [(sink.distribution, sink.note) for sink in both.installed("0.1") if sink.name == "csv"] == [
        ("patchsweep", None),
        ("patchsweep-csv", "hidden by the built-in sink of this name"),
    ]
    assert type(build(both, "csv:.")).__module__.startswith("scanner.sinks")


def test_two_plugins_of_one_name_are_refused_until_one_is_gone(tmp_path):
    distribution(tmp_path, "one", {"metrics": "a:Sink"}, {})
    distribution(tmp_path, "two", {"metrics": "b:Sink"}, {})
    registry = SinkRegistry(BUILT_INS, entry_points_in(tmp_path))
    sentence = "one and two both bring a sink 'metrics': uninstall all but one"
    assert [sink.note for sink in registry.installed("0.1") if sink.name == "metrics"] == [sentence, sentence]
    with pytest.raises(ConfigError, match=sentence):
        build(registry, "metrics:x")


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("import no_such_module", "cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'"),
        ("1/0", "cannot be loaded: ZeroDivisionError: division by zero"),
        ("def Sink(:", "cannot be loaded: SyntaxError: "),
        ("Other = 1", "cannot be loaded: AttributeError: "),
        (GOOD.replace("api_version = 1", "api_version = 7"), "is written for version 7 of the sink interface"),
        (GOOD.replace("api_version = 1", ""), "is written for version None of the sink interface"),
        (GOOD.replace("self.where = where", "self.x = where.nope"), "cannot be made: AttributeError: "),
        (GOOD.replace("async def commit", "async def comit"), "is no sink: it has no commit"),
        (f"{GOOD}\n    writes_at_once = 0\n", "its writes_at_once is no number from 1 on"),
        (f"{GOOD}\n    writes_at_once = '4'\n", "its writes_at_once is no number from 1 on"),
    ],
)
def test_a_broken_plugin_fails_alone_in_a_sentence_that_names_its_distribution(registry, source, complaint):
    broken = registry(metrics=source, other=GOOD)
    with pytest.raises(ConfigError) as caught:
        build(broken, "metrics:x")
    assert complaint in str(caught.value)
    assert "of patchsweep-metrics 1.2" in str(caught.value)
    assert build(broken, "other:x")


def test_a_plugin_says_how_many_batches_it_takes_at_a_time_or_takes_one(registry):
    many = registry(metrics=f"{GOOD}\n    writes_at_once = 4\n", other=GOOD)
    assert [build(many, f"{name}:x").writes_at_once for name in ("metrics", "other")] == [4, 1]


async def test_whatever_a_plugin_raises_is_a_sink_error_that_names_it_and_hides_its_password(registry):
    sink = build(registry(metrics=RAISING), "metrics://ann:s3cret@host")
    with pytest.raises(SinkError) as caught:
        await sink.write(SCAN.batches[0])
    assert str(caught.value) == (
        "the sink metrics://ann:***@host of patchsweep-metrics 1.2 failed: "
        "LookupError: no route to metrics://ann:***@host"
    )


@pytest.mark.parametrize("address", ["scanner.core.errors", "scanner.errors"], ids=["now", "in the first release"])
async def test_a_plugins_own_sentence_is_kept_less_its_password(registry, address):
    own = f"from {address} import SinkError\n" + RAISING.replace("LookupError", "SinkError")
    with pytest.raises(SinkError, match=r"^no route to metrics://ann:\*\*\*@host$"):
        await build(registry(metrics=own), "metrics://ann:s3cret@host").write(SCAN.batches[0])


def test_the_addresses_of_the_first_release_hold_the_same_classes():
    for old, new in MOVED.items():
        kept, home = import_module(old), import_module(new)
        classes = [name for name, value in vars(home).items() if isinstance(value, type)]
        assert classes
        assert all(getattr(kept, name) is getattr(home, name) for name in classes)


def test_the_sinks_of_this_environment_can_be_listed():
    assert {sink.name for sink in installed_sinks().installed("0.1")} >= set(BUILT_INS)


def test_listing_sinks_imports_no_heavy_library():
    code = (
        "import sys; from scanner.sinks.registry import installed_sinks; installed_sinks().installed('1');"
        "print({'pyarrow', 'duckdb', 'psycopg', 'anyio'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
