"""Every answer of AWS means one thing, in a sentence that says what, where and what to do."""

from __future__ import annotations

import pytest

from scanner.aws.operations import (
    ASSUME_ROLE,
    DESCRIBE_INSTANCE_INFORMATION,
    DESCRIBE_INSTANCE_PATCHES,
    DESCRIBE_REGIONS,
    GET_CALLER_IDENTITY,
    LIST_ACCOUNTS,
)
from scanner.aws.requests.error_table import TABLE, to_error
from scanner.aws.transport.interface import ConnectionFailure, NoResponse, ServiceError
from scanner.core.errors import (
    ConfigError,
    CredentialsExpired,
    Denied,
    Disabled,
    InvalidNode,
    KeysRefused,
    PaginationBroken,
    RequestRejected,
    Throttled,
    TokenRefused,
    Transient,
    Unavailable,
)
from scanner.core.model import Target

AT = Target("222222222222", "eu-central-2")
SCP = "User: arn:aws:sts::2:x is not authorized to perform: y with an explicit deny in a service control policy"


def meant(code, message="", status=400, operation=DESCRIBE_INSTANCE_PATCHES):
    return to_error(ServiceError(code, message, status), operation, AT)


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
        (TokenRefused, "AuthFailure InvalidClientTokenId UnrecognizedClientException"),
        (KeysRefused, "InvalidSignatureException RequestTimeTooSkewed SignatureDoesNotMatch"),
        (InvalidNode, "InvalidInstanceId"),
        (
            PaginationBroken,
            "InvalidNextToken InvalidNextTokenException InvalidPaginationToken PaginationTokenExpiredException",
        ),
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


@pytest.mark.parametrize("code", [code for code, row in TABLE.items() if row.kind is not Disabled])
def test_a_sentence_names_the_call_the_place_and_what_aws_said(code):
    sentence = str(meant(code, "because so"))
    assert "ssm:DescribeInstancePatches in account 222222222222, Region eu-central-2, failed: " in sentence
    words = f"HTTP status {code}" if code.isdigit() else code
    assert f"{words} (because so)" in sentence
    assert "\n" not in sentence


def test_the_code_goes_with_the_error():
    assert meant("InvalidInstanceId").code == "InvalidInstanceId"


def test_an_invalid_node_needs_no_message_of_aws():
    assert str(meant("InvalidInstanceId")).endswith("failed: InvalidInstanceId")


@pytest.mark.parametrize("status", [500, 502, 503, 504, 509, 599])
def test_any_unknown_server_error_may_pass(status):
    assert type(meant(str(status), "Service Unavailable", status)) is Transient


def test_an_unknown_code_with_status_429_is_a_throttle():
    assert type(meant("Odd", status=429)) is Throttled


@pytest.mark.parametrize("status", [301, 400, 403, 404, 407])
def test_a_code_that_the_table_does_not_know_is_unavailable_and_quoted(status):
    error = meant("BrandNewException", "who knows", status)
    assert type(error) is Unavailable
    assert "BrandNewException (who knows)" in str(error)


@pytest.mark.parametrize("status", [301, 302, 307, 401, 403, 404, 407])
@pytest.mark.parametrize("code", ["", "{status}"])
def test_a_page_that_is_no_answer_of_aws_is_tried_again_and_named_with_its_status(status, code):
    error = meant(code.format(status=status), "Forbidden", status)
    assert type(error) is Transient
    assert f"failed: HTTP status {status} (Forbidden); check AWS_ENDPOINT_URL, HTTPS_PROXY" in str(error)
    assert "HTTPS_PROXY" in str(error)


SCP_TEXTS = [
    SCP,
    "User: a is not authorized to perform: ssm:x on resource: y because no service control policy allows the ssm:x",
    "You are not authorized: explicit deny in a Service Control Policy: arn:aws:organizations::1:policy/o/p",
]


@pytest.mark.parametrize("text", SCP_TEXTS)
@pytest.mark.parametrize("code", ["AccessDeniedException", "AccessDenied"])
def test_a_service_control_policy_disables_a_region_if_it_denies_the_listing_of_nodes(code, text):
    error = meant(code, text, 403, DESCRIBE_INSTANCE_INFORMATION)
    assert type(error) is Disabled
    assert "the organization forbids it" in str(error)


@pytest.mark.parametrize("text", SCP_TEXTS)
@pytest.mark.parametrize("operation", [DESCRIBE_INSTANCE_PATCHES, DESCRIBE_REGIONS, ASSUME_ROLE], ids=str)
def test_a_service_control_policy_on_any_other_call_is_a_denial(operation, text):
    error = meant("UnauthorizedOperation" if operation is DESCRIBE_REGIONS else "AccessDenied", text, 403, operation)
    assert type(error) is Denied
    assert f"a service control policy of the organization forbids {operation}" in str(error)
    assert "create the role" not in str(error)


@pytest.mark.parametrize("code", ["OptInRequired", "RegionDisabledException"])
def test_a_region_is_disabled_only_by_what_is_said_about_ssm_there(code):
    assert type(meant(code, "off", 403, DESCRIBE_INSTANCE_INFORMATION)) is Disabled
    assert type(meant(code, "off", 403, DESCRIBE_REGIONS)) is Denied
    of_sts = meant(code, "STS is not activated in this region", 403, ASSUME_ROLE)
    assert type(of_sts) is Unavailable
    assert "activate STS for the Region" in str(of_sts)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("because no identity-based policy allows the action", "allow sts:GetCallerIdentity to the role or user"),
        ("with an explicit deny in a VPC endpoint policy", "allow sts:GetCallerIdentity in the policy of the VPC"),
        ("because no permissions boundary allows the action", "in the permissions boundary"),
        ("because no session policy allows the action", "in the session policy"),
        ("with an explicit deny in a resource control policy", "a resource control policy of the organization"),
    ],
)
def test_the_remedy_of_a_denial_follows_from_the_policy_that_aws_names(text, remedy):
    error = meant(
        "AccessDenied", f"User: a is not authorized to perform: b on resource: c {text}", 403, GET_CALLER_IDENTITY
    )
    assert type(error) is Denied
    assert remedy in str(error)


def test_what_only_aws_can_decode_is_left_out_of_a_denial():
    error = meant("UnauthorizedOperation", "Not allowed. Encoded authorization failure message: AbC123", 403)
    assert "Not allowed." in str(error)
    assert "AbC123" not in str(error)


CANONICAL_REQUEST = """The request signature we calculated does not match the signature you provided. Check your key.

The Canonical String for this request should have been
'POST
/

host:ssm.eu-west-1.amazonaws.com
x-amz-security-token:IQoJb3JpZ2luX2VjEJr
'
"""


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "InvalidSignatureException", "AccessDenied", "NewException"])
def test_a_message_that_quotes_the_request_shows_no_session_token_and_is_one_line(code):
    said = str(meant(code, CANONICAL_REQUEST, 403))
    assert "does not match the signature you provided. Check your key." in said
    assert "IQoJ" not in said
    assert "\n" not in said


def test_a_message_without_end_is_cut():
    assert len(str(meant("ValidationException", "x" * 1_000_000))) < 2_000


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
        (ConnectionFailure.NO_SUCH_HOST, Unavailable, "check the Region name"),
        (ConnectionFailure.UNTRUSTED, Unavailable, "AWS_CA_BUNDLE"),
        (ConnectionFailure.PROXY, Transient, "HTTPS_PROXY"),
        (ConnectionFailure.CONNECTION, Transient, "AWS_ENDPOINT_URL"),
    ],
)
def test_no_answer_means_one_decision_too(silence, kind, remedy):
    error = to_error(NoResponse(silence, "how it looked"), DESCRIBE_INSTANCE_PATCHES, AT)
    assert type(error) is kind
    assert "Region eu-central-2, failed: how it looked; " in str(error)
    assert remedy in str(error)


def test_every_silence_has_a_to_error():
    for silence in ConnectionFailure:
        to_error(NoResponse(silence, ""), DESCRIBE_INSTANCE_PATCHES, AT)
