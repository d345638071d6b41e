"""Maps each answer of AWS to the decision that a caller takes, and writes the sentence for it.

The rule behind the table: a status says no more than AWS said. A code that means several things has a class of its own,
and the caller asks AWS again before it decides (`docs/reliability.md` has the whole table).
"""

from __future__ import annotations

import re
from http import HTTPStatus

from msgspec import Struct

from scanner.aws.operations import ASSUME_ROLE, DESCRIBE_INSTANCE_INFORMATION, LIST_ACCOUNTS, Operation
from scanner.aws.transport.interface import ConnectionFailure, NoResponse, ServiceError
from scanner.core.errors import (
    AwsError,
    ConfigError,
    CredentialsExpired,
    Denied,
    Disabled,
    InvalidNode,
    KeysRefused,
    PaginationBroken,
    PatchsweepError,
    RequestRejected,
    Throttled,
    TokenRefused,
    Transient,
    Unavailable,
)
from scanner.core.model import Target
from scanner.core.safe_text import mask_foreign_text


class ErrorRule(Struct, frozen=True):
    """What an answer means, and what the user can do about it; `{action}` in the remedy is the IAM action."""

    kind: type[AwsError | ConfigError]
    remedy: str = ""


THROTTLED = ErrorRule(Throttled, "lower limits.max_rate_per_s if this account's limit is needed elsewhere")
TRANSIENT = ErrorRule(Transient, "see the AWS Health Dashboard if it lasts")
NOT_AWS = ErrorRule(
    Transient, "check AWS_ENDPOINT_URL, HTTPS_PROXY and what else answers in place of AWS on this network"
)
UNKNOWN = ErrorRule(Unavailable)
DENIED = ErrorRule(Denied, "allow {action} to the role or user that asks")
REGION_OFF = ErrorRule(
    Disabled, "enable the Region for this account, or leave it out with --regions or exclude_regions"
)
SSM_FORBIDDEN = ErrorRule(
    Disabled, "the organization forbids it: leave the Region out with --regions or exclude_regions"
)
STS_OFF = ErrorRule(
    Unavailable,
    "activate STS for the Region in the account settings of IAM, or set AWS_STS_REGIONAL_ENDPOINTS=legacy",
)
TOKEN_REFUSED = ErrorRule(TokenRefused)
SIGNATURE_REFUSED = ErrorRule(KeysRefused, "check this machine's clock and the secret access key")
REJECTED = ErrorRule(RequestRejected, "correct the filter, page size, role name or external id it speaks of")

TABLE: dict[str, ErrorRule] = {
    # botocore's lists for its retry modes; 429 and 408 are what it makes of an answer without a code.
    **dict.fromkeys(
        (
            "BandwidthLimitExceeded",
            "EC2ThrottledException",
            "PriorRequestNotComplete",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
            "429",
        ),
        THROTTLED,
    ),
    **dict.fromkeys(
        (
            "InternalError",
            "InternalFailure",
            "InternalServerError",
            "RequestTimeout",
            "RequestTimeoutException",
            "ServiceUnavailable",
            "ServiceUnavailableException",
            "Unavailable",
            "408",
        ),
        TRANSIENT,
    ),
    **dict.fromkeys(
        ("ExpiredToken", "ExpiredTokenException", "RequestExpired"),
        ErrorRule(CredentialsExpired, "renew the credentials and resume the scan"),
    ),
    **dict.fromkeys(("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"), DENIED),
    **dict.fromkeys(("OptInRequired", "RegionDisabledException"), REGION_OFF),
    **dict.fromkeys(("AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException"), TOKEN_REFUSED),
    **dict.fromkeys(("InvalidSignatureException", "RequestTimeTooSkewed", "SignatureDoesNotMatch"), SIGNATURE_REFUSED),
    "InvalidInstanceId": ErrorRule(InvalidNode),
    **dict.fromkeys(
        ("InvalidNextToken", "InvalidNextTokenException", "InvalidPaginationToken", "PaginationTokenExpiredException"),
        ErrorRule(PaginationBroken),
    ),
    **dict.fromkeys(
        (
            "InvalidFilter",
            "InvalidFilterKey",
            "InvalidFilterOption",
            "InvalidFilterValue",
            "InvalidInputException",
            "InvalidInstanceInformationFilterValue",
            "InvalidParameterCombination",
            "InvalidParameterValue",
            "SerializationException",
            "ValidationError",
            "ValidationException",
        ),
        REJECTED,
    ),
    "AWSOrganizationsNotInUseException": ErrorRule(ConfigError, "use --accounts current, or name the account ids"),
}

_OPERATION_RULES: dict[tuple[Operation, str], ErrorRule] = {
    (ASSUME_ROLE, "AccessDenied"): ErrorRule(
        Denied,
        "create the role there, let it trust the caller and the external id in use, and allow the caller to assume it",
    ),
    (LIST_ACCOUNTS, "AccessDeniedException"): ErrorRule(
        ConfigError, "run in the management or a delegated administrator account, or name the account ids"
    ),
}

#: The kinds of policy that AWS names in the text of a denial ("IAM: troubleshoot access denied messages"), and what
#: helps against each. Only the text shows which it is.
_POLICY_REMEDIES = {
    "service control policy": "a service control policy of the organization forbids {action}: change it, or leave "
    "the account or Region out",
    "resource control policy": "a resource control policy of the organization forbids {action}: change it, or leave "
    "the account out",
    "VPC endpoint policy": "allow {action} in the policy of the VPC endpoint that the request goes through",
    "permissions boundary": "allow {action} in the permissions boundary of the role or user that asks",
    "session policy": "allow {action} in the session policy of the role that asks",
}

_NO_RESPONSE_RULES: dict[ConnectionFailure, ErrorRule] = {
    ConnectionFailure.NO_SUCH_HOST: ErrorRule(
        Unavailable, "check the Region name, AWS_ENDPOINT_URL, FIPS settings and this machine's DNS"
    ),
    ConnectionFailure.UNTRUSTED: ErrorRule(Unavailable, "set AWS_CA_BUNDLE to the certificates to trust"),
    ConnectionFailure.NOT_AWS: NOT_AWS,
    ConnectionFailure.PROXY: ErrorRule(Transient, "check HTTPS_PROXY and NO_PROXY"),
    ConnectionFailure.CONNECTION: ErrorRule(Transient, "check the network and AWS_ENDPOINT_URL"),
}

_PROBE = DESCRIBE_INSTANCE_INFORMATION  # what it answers decides about the target; other refusals cost only themselves
#: Where the part of a message begins that helps no user: of EC2 hundreds of characters that only AWS can decode; of a
#: signature that does not match the request itself, in which the session token stands.
_NOT_FOR_USERS = re.compile(
    r"Encoded authorization failure message:|The Canonical String for this request|The String-to-Sign|"
    r"x-amz-security-token:",
    re.IGNORECASE,
)
_MOST_CHARACTERS = 1_000  # AWS's longest messages have about 600; a row of each node may quote this


def kind_of(failure: ServiceError | NoResponse) -> type[AwsError | ConfigError]:
    """Returns the class of error that a failed call means, whatever the call."""
    if isinstance(failure, NoResponse):
        return _NO_RESPONSE_RULES[failure.kind].kind
    return (TABLE.get(failure.code) or _rule_of_status(failure)).kind


def connection_remedy(failure: NoResponse) -> str:
    """Returns what a user can do about a call without an answer."""
    return _NO_RESPONSE_RULES[failure.kind].remedy


def to_error(failure: ServiceError | NoResponse, operation: Operation, at: Target) -> PatchsweepError:
    """Returns the error for a failed call, in a sentence that names the call, the place, AWS's words and a remedy."""
    if isinstance(failure, NoResponse):
        rule, code, words = _NO_RESPONSE_RULES[failure.kind], "", failure.reason
    else:
        rule, code, words = _rule(failure, operation), failure.code, words_of(failure)
    sentence = f"{operation} in account {at.account_id}, Region {at.region}, failed: {mask_foreign_text(words)}"
    if rule.remedy:
        sentence += f"; {rule.remedy.format(action=operation.iam_action)}"
    return rule.kind(sentence, code=code) if issubclass(rule.kind, AwsError) else rule.kind(sentence)


def words_of(failure: ServiceError) -> str:
    """Returns what AWS said on one line: its code and its message, without the part that helps no user."""
    code = f"HTTP status {failure.code}" if failure.code.isdigit() else failure.code or f"HTTP status {failure.status}"
    message = " ".join(_NOT_FOR_USERS.split(failure.message, maxsplit=1)[0].split())
    words = f"{code} ({message})" if message else code
    return words if len(words) <= _MOST_CHARACTERS else f"{words[:_MOST_CHARACTERS]}…"


def _rule(failure: ServiceError, operation: Operation) -> ErrorRule:
    rule = TABLE.get(failure.code) or _rule_of_status(failure)
    if rule is DENIED:
        return _rule_of_denial(failure, operation)
    if rule is REGION_OFF and operation is not _PROBE:
        # It speaks of another call, which is no evidence about SSM in that Region.
        return STS_OFF if operation.service == "sts" else DENIED
    return _OPERATION_RULES.get((operation, failure.code), rule)


def _rule_of_denial(failure: ServiceError, operation: Operation) -> ErrorRule:
    policy = next((policy for policy in _POLICY_REMEDIES if policy.lower() in failure.message.lower()), None)
    if policy == "service control policy" and operation is _PROBE:
        return SSM_FORBIDDEN
    special = _OPERATION_RULES.get((operation, failure.code), DENIED)
    return special if policy is None else ErrorRule(special.kind, _POLICY_REMEDIES[policy])


def _rule_of_status(failure: ServiceError) -> ErrorRule:
    """Returns the rule of an error whose code is not in the table."""
    if failure.status == HTTPStatus.TOO_MANY_REQUESTS:
        return THROTTLED
    if failure.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TRANSIENT
    return NOT_AWS if failure.code.isdigit() or not failure.code else UNKNOWN
