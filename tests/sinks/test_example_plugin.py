"""The sink that the README shows, as an installed distribution."""

from __future__ import annotations

import importlib
import io
import json
import sys
from pathlib import Path

import pytest

from scanner.sinks.context import SinkContext
from scanner.sinks.publish import publish
from scanner.sinks.registry import installed_sinks
from scanner.sinks.spec import parse_spec
from scanner.sinks.testing.samples import awkward_scan
from tests.sinks.memory_files import MemoryFiles

FOLDER = Path(__file__).parent / "example_plugin"
SCAN = awkward_scan("s1")


@pytest.fixture
def registry(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    importlib.invalidate_caches()
    yield installed_sinks()
    sys.modules.pop("patchsweep_totals", None)


def test_an_installed_sink_is_listed(registry):
    (totals,) = [sink for sink in registry.installed("0.1") if sink.name == "totals"]
    assert (totals.distribution, totals.version, totals.note) == ("patchsweep-totals", "1.0", None)


async def test_an_installed_sink_takes_a_scan(registry, tmp_path):
    async def batches():
        for batch in SCAN.batches:
            yield batch

    spec = parse_spec(f"totals:{tmp_path}/totals.json")
    sink = registry.build(spec, SinkContext("s1", lambda _: MemoryFiles(), io.BytesIO()))
    assert await publish(batches(), SCAN.summary, {spec.label: sink}) == {}
    assert json.loads((tmp_path / "totals.json").read_text()) == {
        "scan_id": "s1", "INSTALLED": 3, "MISSING": 2, "INSTALLED_OTHER": 2, "FutureState": 2
    }  # fmt: skip
