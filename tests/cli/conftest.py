from __future__ import annotations

import logging
import os
import shutil

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


@pytest.fixture(scope="session")
def _filled_store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("filled") / "store"
    store_two_scans_and_an_unfinished_one(folder)
    return folder


@pytest.fixture
def store(_filled_store, tmp_path):
    """Returns a folder of its own with two committed scans and one that is not."""
    return str(shutil.copytree(_filled_store, tmp_path / "store"))
