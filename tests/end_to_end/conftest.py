"""Where the commands of these tests run."""

from __future__ import annotations

import pytest

from tests.end_to_end.commands import terminal_in


@pytest.fixture
def terminal(tmp_path):
    """A folder of its own and no AWS settings."""
    return terminal_in(tmp_path / "work")
