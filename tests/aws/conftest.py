"""No AWS setting of the machine reaches a test."""

from __future__ import annotations

import os

import pytest

from tests.certificates import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """Returns a certificate authority that only these tests trust."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(autouse=True)
def _isolated_aws_settings(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith(("AWS_", "BOTO")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAHUB")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hub-secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


@pytest.fixture
async def aws(monkeypatch):
    """Yields the fake of AWS to which every request of the test goes."""
    from tests.aws.fake_ssm import FakeAws, serving

    fake = FakeAws()
    async with serving(fake) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield fake
