"""Types are decoded in several threads at once, the first time too."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.process]

TYPES = """
from __future__ import annotations
from msgspec import Struct
class Inner(Struct):
    a: int
    b: str | None = None
class Outer(Struct):
    name: str
    size: int
    footer: Inner | None = None
    inner: Inner | None = None
"""
PROGRAM = f"""
import sys, types
from threading import Barrier, Thread
from scanner.core.foreign_bytes import decode_json

def first_use(kind):
    all_here = Barrier(6)
    def decode():
        all_here.wait()
        decode_json(b'{{"name": "a", "size": 1, "footer": null, "inner": {{"a": 1}}}}', kind)
    threads = [Thread(target=decode) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

sys.setswitchinterval(1e-6)
for number in range(150):
    module = types.ModuleType(f"module_{{number}}")
    sys.modules[module.__name__] = module
    exec({TYPES!r}, module.__dict__)
    first_use(module.Outer)
"""


def test_threads_that_decode_into_a_type_for_the_first_time_at_once_do_not_end_the_process():
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stderr) == (0, "")
