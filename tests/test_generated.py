"""Files that are written from the code say what the code says."""

from __future__ import annotations

import pytest

from tests.generated import FILES, ROOT


@pytest.mark.parametrize("name", FILES)
def test_a_generated_file_is_up_to_date(name):
    assert (ROOT / name).read_text(encoding="utf-8") == FILES[name](), "run: python -m tests.generated"
