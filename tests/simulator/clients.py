"""Unmodified SDK clients for a simulator, with the SDK's own retries off and times left as the wire has them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import cache

import aiohttp
import pytest
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

CONFIG = AioConfig(retries={"total_max_attempts": 1}, parameter_validation=False, read_timeout=5)
ROLE = "patchsweep-reader"


@cache
def _session():
    session = get_session()
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=lambda value: value)
    return session


@asynccontextmanager
async def client(simulator, service, *, account_id=None, region=None, keys=None, config=CONFIG):
    """A client of one account's own keys, or of assumed `keys` (the Credentials that AssumeRole answers)."""
    environment = simulator.environment(account_id)
    if keys is None:
        signing = (environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"], None)
    else:
        signing = (keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    async with _session().create_client(
        service,
        region_name=region or environment["AWS_REGION"],
        endpoint_url=simulator.url,
        aws_access_key_id=signing[0],
        aws_secret_access_key=signing[1],
        aws_session_token=signing[2],
        config=config,
    ) as made:
        yield made


async def assume(simulator, account_id, *, role=ROLE, **more):
    """The Credentials of a session in another account."""
    async with client(simulator, "sts") as sts:
        answer = await sts.assume_role(
            RoleArn=f"arn:aws:iam::{account_id}:role/{role}", RoleSessionName="a-test", **more
        )
    return answer["Credentials"]


async def refused(call):
    """(code, message, HTTP status) of a call that has to fail."""
    with pytest.raises(ClientError) as caught:
        await call
    answer = caught.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]


def signed_request(simulator, body, *, target="AmazonSSM.DescribeInstanceInformation", **changes):
    """An SSM request signed by botocore: (URL, headers, body), ready to be spoiled and posted."""
    environment = simulator.environment()
    key = changes.get("key", environment["AWS_ACCESS_KEY_ID"])
    secret = changes.get("secret", environment["AWS_SECRET_ACCESS_KEY"])
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
    request = AWSRequest("POST", f"{simulator.url}/", data=body, headers=headers)
    SigV4Auth(Credentials(key, secret, changes.get("token")), "ssm", environment["AWS_REGION"]).add_auth(request)
    return request.url, dict(request.headers), body


async def post(url, headers, body):
    """(HTTP status, text) of a raw POST."""
    async with aiohttp.ClientSession() as session, session.post(url, headers=headers, data=body) as answer:
        return answer.status, await answer.text()
