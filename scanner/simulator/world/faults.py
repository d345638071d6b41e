"""The faults that can be turned on, as frozen settings: all are off by default, probabilities are from 0 to 1."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from msgspec import Struct

Probability = float


class Passing(StrEnum):
    """Faults of one request, named like the settings that turn them on; sent again, the same request works."""

    INTERNAL_ERROR_500 = "internal_error_500"
    HTML_503 = "html_503"
    RESET = "reset"
    TRUNCATED_BODY = "truncated_body"
    CUT_BODY = "cut_body"
    EMPTY_BODY = "empty_body"
    MISSING_LIST = "missing_list"
    SLOW_BODY = "slow_body"
    HANGING = "hanging"
    THROTTLED = "throttled"
    EARLY_EXPIRY = "early_expiry"


class Broken(StrEnum):
    """Faults of one listing, named like the settings that turn them on; it has to be started again."""

    INVALID_NEXT_TOKEN = "invalid_next_token"  # noqa: S105 - the name of a setting
    REPEATED_TOKEN = "repeated_token"  # noqa: S105 - the name of a setting
    ENDLESS_PAGINATION = "endless_pagination"


class Faults(Struct, frozen=True, forbid_unknown_fields=True):
    """What goes wrong, and how often. Only the lasting faults change what a correct scan finds.

    Whether a request meets a fault follows from `seed`, its content and how often it came, so that a run is repeatable.
    """

    seed: int = 0
    operations: tuple[str, ...] = ()  # The operations that passing troubles hit (`DescribeInstancePatches`); empty: all

    # Passing: the probability that a request is hit.
    internal_error_500: Probability = 0.0
    html_503: Probability = 0.0
    reset: Probability = 0.0  # The connection is reset before any answer
    truncated_body: Probability = 0.0  # A 200 whose JSON stops in the middle, with a Content-Length to match
    cut_body: Probability = 0.0  # A 200 whose connection ends before Content-Length is reached
    empty_body: Probability = 0.0
    missing_list: Probability = 0.0  # SSM: a 200 without the list it is all about (`Patches`, …)
    slow_body: Probability = 0.0  # Half the body, then `slow_s` of nothing, then the rest
    hanging: Probability = 0.0  # Nothing at all for `hang_s`, then a reset
    throttled: Probability = 0.0  # Throttled although the bucket is not empty, as when others use the account
    #: The assumed session that signed the request ends for good, long before its Expiration.
    early_expiry: Probability = 0.0
    max_consecutive: int = 2  # How often in a row the same request is hit at most
    #: How many requests a session serves before it may end early: those that lost the one before get through.
    early_expiry_after: int = 100
    max_early_expiries: int = 2  # How many sessions of one account end early at most
    slow_s: float = 1.0
    hang_s: float = 30.0

    # Broken pagination: the probability that a page is hit.
    invalid_next_token: Probability = 0.0
    repeated_token: Probability = 0.0
    #: From some page on the last page comes again and again, each time with a new token.
    endless_pagination: Probability = 0.0
    max_broken: int = 2  # How often one listing (a node's patches, a target's nodes) is broken at most

    # Odd, but right.
    empty_page: Probability = 0.0  # A page without rows, with a token that goes on where it stood
    varying_page_sizes: bool = False  # Pages of fewer rows than MaxResults, though more follow
    filter_before_page: bool = False  # Filters apply before the page is cut, so that no page is thinned out
    end_of_listing: Literal["absent", "empty", "null"] = "absent"
    token_ttl_s: float | None = None
    account_fields: Literal["both", "State", "Status"] = "both"  # What ListAccounts says of an account's state
    #: Organizations refuses a request while another one is in progress (give the server a latency too).
    organizations_one_at_a_time: bool = False
    #: Assumed sessions end so soon, whatever the Expiration says; None: they keep what they promise.
    session_lifetime_s: float | None = None

    #: How far the service's clock is ahead of the caller's; more than five minutes and no signature is good.
    clock_skew_s: float = 0.0

    # Lasting: the probability that a node, account or target is like that.
    never_scanned: Probability = 0.0
    association_scanned: Probability = 0.0
    gone: Probability = 0.0
    invalid: Probability = 0.0
    denied: Probability = 0.0
    mismatched: Probability = 0.0
    connection_lost: Probability = 0.0
    listed_twice: Probability = 0.0
    state_twice: Probability = 0.0
    state_missing: Probability = 0.0
    counts_unknown: Probability = 0.0
    no_snapshot: Probability = 0.0
    stopped: Probability = 0.0
    stale: Probability = 0.0
    baseline_override: Probability = 0.0
    #: A patching operation replaces the node's rows at the second page of its first reading.
    patched_midway: Probability = 0.0
    #: What tokens from before do then: InvalidNextToken, or they go on over the new rows.
    patched_midway_tokens: Literal["refused", "go_on"] = "refused"
    role_missing: Probability = 0.0  # Of an account other than the caller's
    scp_denied: Probability = 0.0
    not_enabled: Probability = 0.0  # Of a target outside the caller's home Region
    #: Of an account other than the caller's: role and sessions end after `midway_after` SSM requests.
    role_revoked_midway: Probability = 0.0
    #: Of a target: the Region is disabled there after `midway_after` SSM requests.
    region_disabled_midway: Probability = 0.0
    midway_after: int = 20

    @property
    def any_passing(self) -> bool:
        return any(getattr(self, fault) for fault in Passing)

    @property
    def any_broken(self) -> bool:
        return any(getattr(self, fault) for fault in Broken)


NO_FAULTS = Faults()
