"""What each answer of AWS means: one table from error code to the decision a caller takes, and the sentence for it."""

from __future__ import annotations

from msgspec import Struct

from scanner.aws.operations import ASSUME_ROLE, LIST_ACCOUNTS, Operation
from scanner.aws.transport.interface import ConnectionFailure, NoResponse, ServiceError
from scanner.core.errors import (
    AwsError,
    ConfigError,
    CredentialsExpired,
    Denied,
    Disabled,
    NodeGone,
    PaginationBroken,
    PatchsweepError,
    RequestRejected,
    Throttled,
    Transient,
    Unavailable,
)
from scanner.core.model import Target


class Row(Struct, frozen=True):
    """What a code means, and the way out where the user has one."""

    kind: type[AwsError | ConfigError]
    remedy: str = ""


_ALLOW = Row(Denied, "allow {action} to the role or user that asks")
_REGION_OFF = Row(Disabled, "enable the Region for this account, or leave it out with --regions or exclude_regions")
_CLOCK = Row(Unavailable, "check this machine's clock and the secret access key")

TABLE: dict[str, Row] = {
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
        Row(Throttled, "lower limits.max_rate_per_s if this account's limit is needed elsewhere"),
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
        Row(Transient, "see the AWS Health Dashboard if it lasts"),
    ),
    **dict.fromkeys(
        ("ExpiredToken", "ExpiredTokenException", "RequestExpired"),
        Row(CredentialsExpired, "renew the credentials and resume the scan"),
    ),
    **dict.fromkeys(("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"), _ALLOW),
    **dict.fromkeys(
        (
            "AuthFailure",
            "InvalidClientTokenId",
            "OptInRequired",
            "RegionDisabledException",
            "UnknownOperationException",
            "UnrecognizedClientException",
        ),
        _REGION_OFF,
    ),
    **dict.fromkeys(("InvalidSignatureException", "RequestTimeTooSkewed", "SignatureDoesNotMatch"), _CLOCK),
    "InvalidInstanceId": Row(NodeGone),
    **dict.fromkeys(("InvalidNextToken", "InvalidNextTokenException"), Row(PaginationBroken)),
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
        Row(RequestRejected, "correct the filter, page size, role name or external id it speaks of"),
    ),
    "AWSOrganizationsNotInUseException": Row(ConfigError, "use --accounts current, or name the account ids"),
}
"""Throttling and transient codes: botocore's lists for its retry modes, plus 429 and 408. Any other 5xx is transient,
any other code at all is `Unavailable`."""

_ROWS_OF_OPERATION: dict[tuple[Operation, str], Row] = {
    (ASSUME_ROLE, "AccessDenied"): Row(
        Denied,
        "create the role there, let it trust the caller and the external id in use, and allow the caller to assume it",
    ),
    (LIST_ACCOUNTS, "AccessDeniedException"): Row(
        ConfigError, "run in the management or a delegated administrator account, or name the account ids"
    ),
}

_SILENCES: dict[ConnectionFailure, Row] = {
    ConnectionFailure.NO_SUCH_HOST: Row(
        Disabled, "the Region has no such endpoint: check the Region name, AWS_ENDPOINT_URL and FIPS settings"
    ),
    ConnectionFailure.UNTRUSTED: Row(Unavailable, "set AWS_CA_BUNDLE to the certificates to trust"),
    ConnectionFailure.NOT_AWS: Row(
        Transient, "check AWS_ENDPOINT_URL, HTTPS_PROXY and what else answers in place of AWS on this network"
    ),
    ConnectionFailure.PROXY: Row(Transient, "check HTTPS_PROXY and NO_PROXY"),
    ConnectionFailure.CONNECTION: Row(Transient, "check the network and AWS_ENDPOINT_URL"),
}


def kind_of(failure: ServiceError | NoResponse) -> type[AwsError | ConfigError]:
    """The class of error that a failed call means, whatever the call."""
    if isinstance(failure, NoResponse):
        return _SILENCES[failure.kind].kind
    return (TABLE.get(failure.code) or _row_of_status(failure.status)).kind


def connection_remedy(failure: NoResponse) -> str:
    """Returns what a user can do about a call without an answer."""
    return _SILENCES[failure.kind].remedy


def meaning(failure: ServiceError | NoResponse, operation: Operation, at: Target) -> PatchsweepError:
    """The error that says what to do about a failed call, in a sentence that names the call and the place."""
    if isinstance(failure, NoResponse):
        row, code, said = _SILENCES[failure.kind], "", failure.reason
    else:
        row, code = _row(failure, operation), failure.code
        said = f"{code} ({failure.message})" if failure.message else code
    sentence = f"{operation} in account {at.account_id}, Region {at.region}, failed: {said}"
    if row.remedy:
        sentence += f"; {row.remedy.format(action=operation.iam_action)}"
    return row.kind(sentence, code=code) if issubclass(row.kind, AwsError) else row.kind(sentence)


def _row(failure: ServiceError, operation: Operation) -> Row:
    special = _ROWS_OF_OPERATION.get((operation, failure.code))
    row = special or TABLE.get(failure.code) or _row_of_status(failure.status)
    # AWS tells a policy of the organization from a missing permission by this text alone.
    if row is _ALLOW and "service control policy" in failure.message:
        return Row(Disabled, "the organization forbids it: leave the Region out with --regions or exclude_regions")
    return row


def _row_of_status(status: int) -> Row:
    if status == 429:  # noqa: PLR2004 -- HTTP's own name for it
        return TABLE["429"]
    return TABLE["InternalError"] if status >= 500 else Row(Unavailable)  # noqa: PLR2004 -- HTTP's server errors
