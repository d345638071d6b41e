"""What tests in several folders share."""

from __future__ import annotations

import os

import pytest

from tests.postgresql_server import running_server


@pytest.fixture(scope="session")
def postgresql():
    """A PostgreSQL server for all tests of this process that ask for one; none of libpq's variables reaches it."""
    with pytest.MonkeyPatch.context() as patch, running_server() as server:
        for name in list(os.environ):
            if name.startswith("PG"):
                patch.delenv(name)
        yield server


@pytest.fixture
def database(postgresql):
    """The URL of an empty database on it."""
    with postgresql.database() as url:
        yield url
