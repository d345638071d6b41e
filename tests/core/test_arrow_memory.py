"""Which allocator Arrow uses in the process of a command."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

_LOAD = "from scanner.cli.load_app import load_app; load_app(); import pyarrow as pa, pyarrow.parquet as pq; "
_PYTHONS_CHOICE = _LOAD + "print(pa.default_memory_pool().backend_name)"
#: A file is written while Python's choice is another allocator: what still comes from `malloc` is what the writer
#: allocates inside.
_PARQUETS_CHOICE = _LOAD + (
    "other = next(name for name in pa.supported_memory_backends() if name != 'system'); "
    "pa.set_memory_pool(getattr(pa, other + '_memory_pool')()); before = pa.system_memory_pool().max_memory(); "
    "pq.write_table(pa.table({'a': ['text' * 100_000]}), pa.BufferOutputStream()); "
    "print('system' if pa.system_memory_pool().max_memory() > before + 100_000 else other)"
)


def _printed(code: str, **variables: str) -> str:
    kept = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=kept | variables, capture_output=True, text=True, check=True
    )
    return ended.stdout.strip()


@pytest.mark.parametrize("choice", [_PYTHONS_CHOICE, _PARQUETS_CHOICE], ids=["python", "parquet"])
def test_a_command_lets_arrow_allocate_with_malloc(choice):
    assert _printed(choice) == "system"


@pytest.mark.parametrize("choice", [_PYTHONS_CHOICE, _PARQUETS_CHOICE], ids=["python", "parquet"])
def test_the_variable_of_arrow_wins_over_the_allocator_of_a_command(choice):
    assert _printed(choice, ARROW_DEFAULT_MEMORY_POOL="mimalloc") == "mimalloc"


def test_programs_that_a_command_starts_choose_their_allocator_themselves():
    assert _printed(_LOAD + "import os; print(os.environ.get('ARROW_DEFAULT_MEMORY_POOL'))") == "None"
