"""The commands bring no more modules with them than they need."""

from __future__ import annotations

import subprocess
import sys

import pytest

from scanner import app

OF_STORED_SCANS = ("run_finish", "run_publish", "run_forget", "open_store", "read_trend", "read_feeds")


def test_every_function_of_the_room_is_there() -> None:
    assert [name for name in app.__all__ if not hasattr(app, name)] == []
    with pytest.raises(AttributeError, match="has no attribute 'run_nothing'"):
        app.run_nothing  # noqa: B018 - the access is the test


@pytest.mark.slow
def test_commands_that_read_what_is_stored_do_without_the_aws_sdk() -> None:
    """It takes more than half of what such a command needs to start."""
    touch = f"[getattr(app, name) for name in {OF_STORED_SCANS}]"
    code = f"import sys; from scanner import app; {touch}; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "scanner.app.finish" in modules
    assert [name for name in modules if name.partition(".")[0] in {"aiobotocore", "botocore", "aiohttp"}] == []
