"""Clients of the SDK, opened and given up."""

from __future__ import annotations

import gc
import warnings

import anyio
import pytest

from scanner.aws.sdk.session import Sessions
from scanner.core.settings import LimitSettings

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("service", ["ec2", "organizations", "ssm", "sts"])
async def test_a_client_that_is_given_up_while_its_models_load_leaves_nothing_half_begun(service):
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with anyio.CancelScope() as given_up:
            given_up.cancel()
            async with getattr(Sessions(LimitSettings()), service)("eu-west-1"):
                pytest.fail("it was cancelled before")
        gc.collect()

    assert [str(each.message) for each in warned] == []
