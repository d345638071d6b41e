from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.moto_server import serving_moto
from tests.store.places import new_prefix


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    with serving_moto() as url:
        yield url


@pytest.fixture
def s3_url(s3_endpoint, monkeypatch) -> str:
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
