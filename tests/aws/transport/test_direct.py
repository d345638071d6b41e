"""What goes out is what botocore would send; what comes back means what botocore would make of it."""

from __future__ import annotations

import json

import pytest
from botocore.credentials import ReadOnlyCredentials
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import given
from hypothesis import strategies as st

from scanner.aws.operations import (
    DESCRIBE_INSTANCE_INFORMATION,
    DESCRIBE_INSTANCE_PATCH_STATES,
    DESCRIBE_INSTANCE_PATCHES,
)
from scanner.aws.transport.connection import Answer
from scanner.aws.transport.connection_pool import Connections
from scanner.aws.transport.direct import DirectTransport, Endpoint, failure_of, serialize
from scanner.aws.transport.interface import ConnectionFailure, NoResponse, ServiceError
from tests.aws.transport.raw_server import answer, serving
from tests.aws.transport.test_sigv4 import CONTENT_TYPE, signed_by_botocore

SSM = ServiceModel(Loader().load_service_model("ssm", "service-2"))
NOW_S = 1_800_000_000.0
TEXT = st.text(max_size=20)
FILTERS = st.lists(st.fixed_dictionaries({"Key": TEXT, "Values": st.lists(TEXT, max_size=3)}), max_size=3)
REQUESTS = st.one_of(
    st.tuples(
        st.just(DESCRIBE_INSTANCE_PATCHES),
        st.fixed_dictionaries(
            {"InstanceId": TEXT, "MaxResults": st.integers(10, 100)}, optional={"NextToken": TEXT, "Filters": FILTERS}
        ),
    ),
    st.tuples(
        st.just(DESCRIBE_INSTANCE_PATCH_STATES),
        st.fixed_dictionaries({"InstanceIds": st.lists(TEXT, max_size=5)}, optional={"NextToken": TEXT}),
    ),
    st.tuples(
        st.just(DESCRIBE_INSTANCE_INFORMATION),
        st.fixed_dictionaries({"MaxResults": st.integers(5, 50)}, optional={"Filters": FILTERS, "NextToken": TEXT}),
    ),
)


class Recorder:
    """Connections that keep the request and answer with an empty page."""

    def __init__(self):
        self.request = b""

    async def post(self, url, request):
        self.request = request
        return Answer(200, b"{}", b"")


def transport_over(connections, url="https://ssm.eu-west-1.amazonaws.com", token="the-token"):
    async def keys():
        return ReadOnlyCredentials("AKIA", "secret", token)

    endpoint = Endpoint(url, "eu-west-1", "ssm")
    return DirectTransport(endpoint, keys, connections, user_agent="patchsweep/1", now=lambda: NOW_S)


@pytest.mark.slow
@given(request=REQUESTS, token=st.none() | st.just("the-token"))
async def test_the_body_says_what_botocores_says_and_is_signed_byte_for_byte_as_botocore_signs_it(request, token):
    operation, payload = request
    recorder = Recorder()
    transport = transport_over(recorder, token=token)

    await transport.send(operation, payload)

    head, _, body = recorder.request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    serialized = create_serializer("json", include_validation=False).serialize_to_request(
        payload, SSM.operation_model(operation.name)
    )
    assert first == "POST / HTTP/1.1"
    assert json.loads(body) == json.loads(serialized["body"])
    assert {name: headers[name] for name in serialized["headers"]} == serialized["headers"]
    expected = signed_by_botocore(
        ("AKIA", "secret", token),
        "eu-west-1",
        "ssm",
        "https://ssm.eu-west-1.amazonaws.com",
        headers["X-Amz-Target"],
        body,
        NOW_S,
    )
    assert {name: headers.pop(name) for name in expected} == expected
    assert headers == {
        "Host": "ssm.eu-west-1.amazonaws.com",
        "User-Agent": "patchsweep/1",
        "Content-Type": CONTENT_TYPE,
        "X-Amz-Target": serialized["headers"]["X-Amz-Target"],
        "Accept-Encoding": "identity",
        "Content-Length": str(len(body)),
    }


def test_each_character_of_a_request_arrives():
    texts = [chr(number) for number in (*range(0x300), 0x2028, 0xD800, 0xFFFD, 0x1F600)]
    assert [json.loads(serialize({text: text})) for text in texts] == [{text: text} for text in texts]


ERRORS = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "__type": st.sampled_from(
                [
                    "ThrottlingException",
                    "com.amazonaws.ssm#ThrottlingException",
                    "com.amazon.coral.availability#ThrottlingException",
                    "ThrottlingException:http://internal.amazon.com/coral#x/",
                ]
            ),
            "message": TEXT,
            "Message": TEXT,
        },
    ).map(lambda error: json.dumps(error).encode()),
    st.sampled_from([b"", b"<html>Service Unavailable</html>", b'{"__type": "Thr']),
)


@given(status=st.sampled_from([400, 403, 429, 500, 503]), body=ERRORS)
def test_an_error_has_the_code_and_message_that_botocore_reads(status, body):
    shape = SSM.operation_model("DescribeInstancePatches").output_shape
    response = {"status_code": status, "headers": {}, "body": body}

    ours = failure_of(Answer(status, body, b""))

    theirs = create_parser("json").parse(response, shape)["Error"]
    if theirs["Code"] == str(status) and status in (400, 403):
        assert isinstance(ours, NoResponse)
        assert ours.kind is ConnectionFailure.NOT_AWS
        return
    assert ours.code == theirs["Code"]
    assert ours.status == status
    if body.startswith(b"{") and body.endswith(b"}"):
        assert ours.message == theirs["Message"]


async def test_an_error_answer_is_raised_and_the_connection_kept():
    refused = answer(b'{"__type":"InvalidInstanceId","Message":""}', "400 Bad Request")

    async with serving([refused, answer(b"{}")]) as server:
        connections = Connections(lambda: None, connect_timeout_s=5, read_timeout_s=5)
        transport = transport_over(connections, f"http://127.0.0.1:{server.port}")
        with pytest.raises(ServiceError) as caught:
            await transport.send(DESCRIBE_INSTANCE_PATCHES, {"InstanceId": "i-1"})
        assert await transport.send(DESCRIBE_INSTANCE_PATCHES, {"InstanceId": "i-1"}) == b"{}"
        connections.close()

    assert (caught.value.code, caught.value.message, caught.value.status) == ("InvalidInstanceId", "", 400)
    assert server.connections == 1


async def test_keys_that_were_renewed_sign_the_next_request():
    issued = [ReadOnlyCredentials("FIRST", "s1", "t1"), ReadOnlyCredentials("SECOND", "s2", "t2")]

    async def keys():
        return issued.pop(0)

    recorder = Recorder()
    endpoint = Endpoint("https://ssm.eu-west-1.amazonaws.com", "eu-west-1", "ssm")
    transport = DirectTransport(endpoint, keys, recorder, user_agent="x")
    seen = []
    for _ in range(2):
        await transport.send(DESCRIBE_INSTANCE_PATCHES, {"InstanceId": "i-1"})
        seen.append(recorder.request)

    assert b"Credential=FIRST/" in seen[0]
    assert b"X-Amz-Security-Token: t1\r\n" in seen[0]
    assert b"Credential=SECOND/" in seen[1]
    assert b"X-Amz-Security-Token: t2\r\n" in seen[1]
