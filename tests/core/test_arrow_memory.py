"""Which allocator Arrow uses in the process of a command."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

_LOAD = (
    "import pyarrow as pa; from scanner.cli.load_app import load_app; load_app(); "
    "print(pa.default_memory_pool().backend_name)"
)


def _allocator(**variables: str) -> str:
    kept = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    ended = subprocess.run(
        [sys.executable, "-c", _LOAD], env=kept | variables, capture_output=True, text=True, check=True
    )
    return ended.stdout.strip()


@pytest.mark.slow
def test_a_command_lets_arrow_allocate_with_malloc():
    assert _allocator() == "system"


@pytest.mark.slow
def test_the_variable_of_arrow_wins_over_the_allocator_of_a_command():
    assert _allocator(ARROW_DEFAULT_MEMORY_POOL="mimalloc") == "mimalloc"
