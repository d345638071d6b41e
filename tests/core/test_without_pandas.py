from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

LOADED = "print('pandas' in sys.modules)"


def run(code):
    return subprocess.run([sys.executable, "-c", f"import sys; {code}"], capture_output=True, text=True, check=True)


def test_pyarrow_alone_would_load_pandas_with_its_first_array():
    assert run(f"import pyarrow; pyarrow.array([1]); {LOADED}").stdout == "True\n"


@pytest.mark.parametrize("module", ["scanner.core.tables", "scanner.app.scan", "scanner.reports.diff"])
def test_arrays_are_made_without_pandas(module):
    assert run(f"import {module}, pyarrow; pyarrow.array([1]); {LOADED}").stdout == "False\n"


@pytest.mark.parametrize("numpy", ["shown", "hidden"])
def test_times_with_a_zone_are_read_without_pandas(numpy):
    hide = "from scanner.core.hidden_module import hidden\nwith hidden('numpy'):\n import pyarrow\n"
    read = "import scanner.core.tables, pyarrow as pa; pa.array([0], pa.timestamp('ms', 'UTC')).to_pylist();"

    assert run(f"{hide if numpy == 'hidden' else ''}{read}{LOADED}").stdout == "False\n"


def test_a_plug_in_can_still_use_pandas():
    code = (
        "import scanner.core.tables, pyarrow as pa; frame = pa.table({'a': [1, None]}).to_pandas();"
        "print(pa.Table.from_pandas(frame)['a'].to_pylist())"
    )

    assert run(code).stdout == "[1.0, None]\n"


def test_pandas_can_still_be_converted_where_nothing_used_it_before():
    code = (
        "import scanner.core.tables, pyarrow as pa, pandas as pd;"
        "print(pa.Table.from_pandas(pd.DataFrame({'a': [1.0, float('nan')]}))['a'].to_pylist())"
    )

    assert run(code).stdout == "[1.0, None]\n"


def test_pandas_that_is_loaded_already_is_left_alone():
    code = "import pandas, scanner.core.tables, pyarrow as pa; print(pa.array(pandas.Series([1.0])).to_pylist())"

    assert run(code).stdout == "[1.0]\n"
