"""Every answer of AWS means one thing, in a sentence that says what, where and what to do."""

from __future__ import annotations

import pytest

from scanner.aws.operations import (
    ASSUME_ROLE,
    DESCRIBE_INSTANCE_PATCHES,
    DESCRIBE_REGIONS,
    LIST_ACCOUNTS,
)
from scanner.aws.requests.error_table import TABLE, meaning
from scanner.aws.transport.interface import ConnectionFailure, NoResponse, ServiceError
from scanner.core.errors import (
    ConfigError,
    CredentialsExpired,
    Denied,
    Disabled,
    NodeGone,
    PaginationBroken,
    RequestRejected,
    Throttled,
    Transient,
    Unavailable,
)
from scanner.core.model import Target

AT = Target("222222222222", "eu-central-2")
SCP = "User: arn:aws:sts::2:x is not authorized to perform: y with an explicit deny in a service control policy"


def meant(code, message="", status=400, operation=DESCRIBE_INSTANCE_PATCHES):
    return meaning(ServiceError(code, message, status), operation, AT)


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        (
            Throttled,
            (
                "BandwidthLimitExceeded EC2ThrottledException PriorRequestNotComplete "
                "ProvisionedThroughputExceededException RequestLimitExceeded RequestThrottled "
                "RequestThrottledException SlowDown ThrottledException Throttling ThrottlingException "
                "TooManyRequestsException 429"
            ),
        ),
        (
            Transient,
            (
                "InternalError InternalFailure InternalServerError RequestTimeout RequestTimeoutException "
                "ServiceUnavailable ServiceUnavailableException Unavailable 408"
            ),
        ),
        (CredentialsExpired, "ExpiredToken ExpiredTokenException RequestExpired"),
        (Denied, "AccessDenied AccessDeniedException UnauthorizedOperation"),
        (
            Disabled,
            (
                "AuthFailure InvalidClientTokenId OptInRequired RegionDisabledException UnknownOperationException "
                "UnrecognizedClientException"
            ),
        ),
        (Unavailable, "InvalidSignatureException RequestTimeTooSkewed SignatureDoesNotMatch"),
        (NodeGone, "InvalidInstanceId"),
        (PaginationBroken, "InvalidNextToken InvalidNextTokenException"),
        (
            RequestRejected,
            (
                "InvalidFilter InvalidFilterKey InvalidFilterOption InvalidFilterValue InvalidInputException "
                "InvalidInstanceInformationFilterValue InvalidParameterCombination InvalidParameterValue "
                "SerializationException ValidationError ValidationException"
            ),
        ),
        (ConfigError, "AWSOrganizationsNotInUseException"),
    ],
)
def test_a_code_means_one_decision(kind, codes):
    assert {code: type(meant(code)) for code in codes.split()} == dict.fromkeys(codes.split(), kind)
    assert {code for code, row in TABLE.items() if row.kind is kind} == set(codes.split())


@pytest.mark.parametrize("code", [code for code, row in TABLE.items() if row.kind is not NodeGone])
def test_a_sentence_names_the_call_the_place_and_what_aws_said(code):
    sentence = str(meant(code, "because so"))
    assert "ssm:DescribeInstancePatches in account 222222222222, Region eu-central-2, failed: " in sentence
    assert f"{code} (because so)" in sentence
    assert "\n" not in sentence


def test_the_code_goes_with_the_error():
    assert meant("InvalidInstanceId").code == "InvalidInstanceId"


def test_a_node_that_is_gone_needs_no_message_of_aws():
    assert str(meant("InvalidInstanceId")).endswith("failed: InvalidInstanceId")


@pytest.mark.parametrize("status", [500, 502, 503, 504, 509, 599])
def test_any_unknown_server_error_may_pass(status):
    assert type(meant(str(status), "Service Unavailable", status)) is Transient


def test_an_unknown_code_with_status_429_is_a_throttle():
    assert type(meant("Odd", status=429)) is Throttled


@pytest.mark.parametrize("status", [301, 400, 403, 404, 407])
def test_what_nobody_foresaw_is_unavailable_and_quoted(status):
    error = meant("BrandNewException", "who knows", status)
    assert type(error) is Unavailable
    assert "BrandNewException (who knows)" in str(error)


@pytest.mark.parametrize(
    ("code", "operation"),
    [
        ("AccessDeniedException", DESCRIBE_INSTANCE_PATCHES),
        ("AccessDenied", DESCRIBE_INSTANCE_PATCHES),
        ("UnauthorizedOperation", DESCRIBE_REGIONS),
    ],
)
def test_a_denial_by_a_service_control_policy_disables_the_region(code, operation):
    error = meant(code, SCP, 403, operation)
    assert type(error) is Disabled
    assert "the organization forbids it" in str(error)


def test_a_denial_names_the_action_to_allow():
    assert "allow ec2:DescribeRegions" in str(meant("UnauthorizedOperation", operation=DESCRIBE_REGIONS))


def test_a_refused_role_is_denied_whatever_the_reason():
    error = meant("AccessDenied", "User: a is not authorized to perform: sts:AssumeRole", 403, ASSUME_ROLE)
    assert type(error) is Denied
    assert "create the role there" in str(error)


def test_being_no_administrator_of_the_organization_is_a_matter_of_configuration():
    error = meant("AccessDeniedException", "You don't have permissions", 400, LIST_ACCOUNTS)
    assert type(error) is ConfigError
    assert "delegated administrator" in str(error)


@pytest.mark.parametrize(
    ("silence", "kind", "remedy"),
    [
        (ConnectionFailure.NO_SUCH_HOST, Disabled, "check the Region name"),
        (ConnectionFailure.UNTRUSTED, Unavailable, "AWS_CA_BUNDLE"),
        (ConnectionFailure.PROXY, Transient, "HTTPS_PROXY"),
        (ConnectionFailure.CONNECTION, Transient, "AWS_ENDPOINT_URL"),
    ],
)
def test_no_answer_means_one_decision_too(silence, kind, remedy):
    error = meaning(NoResponse(silence, "how it looked"), DESCRIBE_INSTANCE_PATCHES, AT)
    assert type(error) is kind
    assert "Region eu-central-2, failed: how it looked; " in str(error)
    assert remedy in str(error)


def test_every_silence_has_a_meaning():
    for silence in ConnectionFailure:
        meaning(NoResponse(silence, ""), DESCRIBE_INSTANCE_PATCHES, AT)
