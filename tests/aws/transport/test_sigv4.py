"""Our signatures are botocore's, byte for byte."""

from __future__ import annotations

import calendar
import time

import pytest
from botocore.auth import SigV4Auth, _host_from_url
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from scanner.aws.transport.headers import host_header
from scanner.aws.transport.sigv4 import Signer

CONTENT_TYPE = "application/x-amz-json-1.1"
WORDS = st.text(st.characters(codec="ascii", categories=("L", "N"), include_characters="+/="), min_size=1, max_size=60)
URLS = st.sampled_from(
    [
        "https://ssm.eu-west-1.amazonaws.com",
        "https://ssm.eu-west-1.amazonaws.com/",
        "https://ssm-fips.us-east-1.amazonaws.com:443",
        "https://ssm.eu-west-1.api.aws:8443",
        "http://127.0.0.1:4566",
        "http://127.0.0.1:80/",
        "http://[::1]:4566",
        "https://SSM.cn-north-1.amazonaws.com.cn",
    ]
)


def signed_by_botocore(keys, region, service, url, target, body, now_s):
    headers = {"Content-Type": CONTENT_TYPE, "X-Amz-Target": target}
    request = AWSRequest("POST", url.rstrip("/") + "/", headers=headers, data=body)
    request.context["timestamp"] = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_s))
    signer = SigV4Auth(Credentials(*keys), service, region)
    signer._modify_request_before_signing(request)
    to_sign = signer.string_to_sign(request, signer.canonical_request(request))
    signer._inject_signature_to_request(request, signer.signature(to_sign, request))
    return {name: value for name, value in request.headers.items() if name not in headers}


@pytest.mark.slow
@given(
    keys=st.tuples(WORDS, WORDS, st.none() | st.just("") | WORDS),
    region=st.sampled_from(["eu-west-1", "us-gov-west-1", "cn-north-1"]),
    service=st.sampled_from(["ssm", "organizations"]),
    url=URLS,
    target=st.sampled_from(["AmazonSSM.DescribeInstancePatches", "AmazonSSM.DescribeInstanceInformation"]),
    body=st.binary(min_size=1, max_size=300),
    times=st.lists(st.integers(0, calendar.timegm((2100, 1, 1, 0, 0, 0))), min_size=1, max_size=3),
)
def test_every_header_is_the_one_botocore_makes_also_when_the_day_changes(
    keys, region, service, url, target, body, times
):
    signer = Signer(*keys, region=region, service=service, url=url, content_type=CONTENT_TYPE)

    for now_s in times:
        expected = signed_by_botocore(keys, region, service, url, target, body, now_s)
        lines = signer.sign(target, body, now_s).splitlines(keepends=True)
        assert sorted(lines) == sorted(f"{name}: {value}\r\n" for name, value in expected.items())


@given(URLS)
def test_the_host_header_is_the_one_botocore_signs(url):
    assert host_header(url) == _host_from_url(url)


@pytest.mark.parametrize("secret", ["the-secret-key", "the-token"])
def test_a_signer_never_shows_its_secrets(secret):
    signer = Signer("AKIA", "the-secret-key", "the-token", region="r", service="ssm", url="https://x", content_type="t")
    signer.sign("target", b"body", 0.0)

    assert secret not in repr(signer)
