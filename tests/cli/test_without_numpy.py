"""Arrow without numpy and its client of S3 in a scan that has no use for them, with them where a plug-in may."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def run(sinks, then):
    code = (
        "import sys; from scanner.core.settings import Settings;"
        "from scanner.cli.without_numpy import load_arrow_without_numpy;"
        f"load_arrow_without_numpy(Settings(sinks={sinks!r})); import pyarrow as pa; {then}"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("sinks", "is_loaded"),
    [((), "False\n"), (("jsonl:rows", "postgresql://db/patches"), "False\n"), (("jsonl:rows", "other:x"), "True\n")],
)
def test_arrow_takes_numpy_in_only_where_a_sink_is_a_plug_ins(sinks, is_loaded):
    assert run(sinks, "print('numpy' in sys.modules)") == is_loaded


@pytest.mark.parametrize(("sinks", "has_client"), [((), "False\n"), (("other:x",), "True\n")])
def test_arrow_has_a_client_of_s3_only_where_a_sink_is_a_plug_ins(sinks, has_client):
    assert run(sinks, "import pyarrow.fs; print('S3FileSystem' in vars(pyarrow.fs))") == has_client


def test_a_plug_in_gets_tables_as_those_of_pandas():
    assert run(("other:x",), "print(list(pa.table({'a': [1]}).to_pandas()['a']))") == "[1]\n"


def test_numpy_itself_can_still_be_loaded():
    assert run((), "import numpy; print(numpy.zeros(1)[0])") == "0.0\n"


def test_a_scan_writes_every_kind_of_file_without_numpy(tmp_path):
    places = {kind: tmp_path / kind for kind in ("jsonl", "csv", "parquet", "duckdb")}
    arguments = ["scan", "--demo", "--store", f"{tmp_path}/store", "--summary", f"{tmp_path}/summary.json"]
    for kind, place in places.items():
        arguments += ["--sink", f"{kind}:{place}"]
    code = (
        "import os, sys; from scanner.cli import main; code = main(sys.argv[1:]);"
        "print('numpy' in sys.modules, 'rich.live' in sys.modules, code, flush=True); os._exit(0)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False False 3\n"), done.stderr  # the demo has gaps; DuckDB shows what takes long
    assert all(place.exists() for place in places.values())


@pytest.mark.parametrize("mode", ["full", "delta"])
def test_a_scan_after_another_loads_neither_numpy_nor_pandas(tmp_path, mode):
    arguments = ["scan", "--demo", "--store", f"{tmp_path}/store"]
    code = (
        "import os, sys; from scanner.cli import main; code = main(sys.argv[1:]);"
        "print('numpy' in sys.modules, 'pandas' in sys.modules, code, flush=True); os._exit(0)"
    )
    for more in ([], ["--mode", mode]):
        command = [sys.executable, "-c", code, *arguments, *more]
        done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout == "False False 3\n", done.stderr
