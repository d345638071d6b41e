"""Every request is really verified."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from scanner.simulator.api.sigv4 import MAX_SKEW_S, RawRequest, read_authorization, signature_fault
from scanner.simulator.generate.build import make_world
from scanner.simulator.server.server import serve
from tests.simulator.clients import assume, client, post, refused, signed_request

WORLD = make_world(accounts=2, regions=1, nodes=2, rows=10)
BODY = b"{}"


async def test_a_request_that_botocore_signed_passes():
    async with serve(WORLD) as simulator:
        status, text = await post(*signed_request(simulator, BODY))
    assert status == 200
    assert len(json.loads(text)["InstanceInformationList"]) == 1


async def test_a_wrong_secret_is_refused_in_the_words_of_each_protocol():
    async with serve(WORLD) as simulator:
        keys = {
            "AccessKeyId": simulator.environment()["AWS_ACCESS_KEY_ID"],
            "SecretAccessKey": "no",
            "SessionToken": None,
        }
        async with client(simulator, "ssm", keys=keys) as ssm:
            assert (await refused(ssm.describe_instance_information()))[::2] == ("InvalidSignatureException", 400)
        async with client(simulator, "sts", keys=keys) as sts:
            assert (await refused(sts.get_caller_identity()))[::2] == ("SignatureDoesNotMatch", 403)


async def test_a_body_changed_after_signing_is_refused():
    async with serve(WORLD) as simulator:
        url, headers, _ = signed_request(simulator, BODY)
        status, text = await post(url, headers, b'{"MaxResults":5}')
    assert status == 400
    assert "InvalidSignatureException" in text


async def test_a_request_without_a_signature_is_refused():
    async with serve(WORLD) as simulator:
        url, headers, body = signed_request(simulator, BODY)
        del headers["Authorization"]
        status, text = await post(url, headers, body)
    assert status == 403
    assert "MissingAuthenticationToken" in text


async def test_an_unknown_access_key_is_refused_like_an_account_without_the_region():
    async with serve(WORLD) as simulator:
        status, text = await post(*signed_request(simulator, BODY, key="AKIANOBODY"))
    assert status == 400
    assert "UnrecognizedClientException" in text


@pytest.mark.parametrize("token", [None, "another"])
async def test_assumed_keys_need_their_session_token(token):
    async with serve(WORLD) as simulator:
        keys = await assume(simulator, list(WORLD.accounts)[1])
        request = signed_request(simulator, BODY, key=keys["AccessKeyId"], secret=keys["SecretAccessKey"], token=token)
        status, text = await post(*request)
    assert status == 400
    assert "UnrecognizedClientException" in text


def _fault(*, path="/", secret="secret", skew_s=0.0, signed_path=None):
    request = AWSRequest(
        "POST", f"http://127.0.0.1:4566{signed_path or path}", data=BODY, headers={"X-Amz-Target": "AmazonSSM.X"}
    )
    SigV4Auth(Credentials("AKIA", "secret"), "ssm", "eu-west-1").add_auth(request)
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers["host"] = "127.0.0.1:4566"
    route, _, query = path.partition("?")
    signed = read_authorization(headers["authorization"])
    assert signed is not None
    now = datetime.now(UTC) + timedelta(seconds=skew_s)
    return signature_fault(RawRequest("POST", route, query, headers, BODY), signed, secret, now.timestamp())


@pytest.mark.parametrize("path", ["/", "/a%20b/c", "/?b=2&a=1", "/x?Action=a%2Fb&empty="])
def test_paths_and_queries_are_taken_as_they_stand_on_the_wire(path):
    assert _fault(path=path) is None


def test_another_query_does_not_fit_the_signature():
    assert "does not match" in (_fault(path="/?a=2", signed_path="/?a=1") or "")


def test_a_clock_that_is_far_off_is_told_so():
    assert "Signature expired" in (_fault(skew_s=MAX_SKEW_S + 5) or "")
    assert "not yet current" in (_fault(skew_s=-MAX_SKEW_S - 5) or "")


def test_a_header_of_amazon_must_be_signed():
    request = RawRequest("POST", "/", "", {"host": "h", "x-amz-date": "20261120T000000Z", "x-amz-target": "T"}, b"")
    signed = read_authorization(
        "AWS4-HMAC-SHA256 Credential=AKIA/20261120/eu-west-1/ssm/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
    )
    assert signed is not None
    now = datetime(2026, 11, 20, tzinfo=UTC).timestamp()
    assert "'x-amz-target' must be a 'SignedHeader'" in (signature_fault(request, signed, "s", now) or "")
