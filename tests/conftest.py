"""What tests in several folders share."""

from __future__ import annotations

import os

import pytest

from tests.moto_server import serving_moto
from tests.postgresql_server import running_server
from tests.store.places import new_prefix


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


@pytest.fixture(scope="session")
def s3_endpoint():
    with serving_moto() as url:
        yield url


@pytest.fixture
def s3_url(s3_endpoint, monkeypatch):
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": s3_endpoint,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return new_prefix(s3_endpoint)
