from __future__ import annotations

import logging
import os

import pytest
import structlog

from tests.cli.stored import store_two_scans_and_an_unfinished_one


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith(("PATCHSWEEP_", "AWS_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _logging_as_it_was():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


@pytest.fixture
def store(tmp_path):
    """A folder with two committed scans and one that is not."""
    store_two_scans_and_an_unfinished_one(tmp_path / "store")
    return str(tmp_path / "store")
