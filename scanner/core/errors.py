"""Every error that patchsweep raises on purpose: one class for each decision that a caller takes.

PatchsweepError
├── ConfigError               the user's setting is wrong: exit code 2
│   ├── CredentialsError      the run's own credentials are missing, broken or refused for good: the run stops
│   └── RequestRejected       AWS called our request wrong (InvalidFilter, ValidationException): the run stops
├── ScanNotFound              no such scan in the store: exit code 2
├── StoreError                the store cannot be read or written: the run stops
│   └── StoreBusy             another process is writing the scan
├── Interrupted               a signal ended the run: exit code 128 + the signal, resumable
├── SinkError                 one sink failed: the scan goes on, exit code 3
├── NotificationError         one destination did not get the summary: it is named, the exit code stays
└── AwsError                  AWS, or the way to it, failed
    ├── Denied                no permission: a node's or a target's status
    ├── Disabled              AWS says that the Region is off, or a service control policy forbids SSM there
    ├── KeysRefused           a service did not accept the keys; STS decides whether they are dead
    │   └── TokenRefused      the same for the token alone, which a Region that is not enabled refuses too
    ├── InvalidNode           InvalidInstanceId, which does not say whether the node left
    ├── NodeGone              InvalidInstanceId, and AWS does not list the node any more
    ├── PaginationBroken      InvalidNextToken, a repeated token, no end: read the node again
    ├── CredentialsExpired    refresh, then try again, a few times at most
    ├── Throttled             too fast: slow down and try again
    ├── Transient             5xx, reset, time-out, torn body: try again
    └── Unavailable           still failing after every attempt, or an unexpected answer
"""

from __future__ import annotations


class PatchsweepError(Exception):
    """An error that a user or AWS caused; its text is one sentence that says what, where and what to do."""


class ConfigError(PatchsweepError):
    """A setting that cannot work."""


class CredentialsError(ConfigError):
    """The credentials of the run are missing, broken or no longer accepted: no call of the run can succeed."""


class RequestRejected(ConfigError):
    """AWS refused the request itself; the message quotes AWS."""


class ScanNotFound(PatchsweepError):
    """No scan of that id, or none at all, in the store."""


class StoreError(PatchsweepError):
    """The store cannot be read or written."""


class StoreBusy(StoreError):
    """Another process is writing the scan."""


class SinkError(PatchsweepError):
    """A sink could not take or show the data."""


class Interrupted(PatchsweepError):
    """The signal `signal_number` stopped the run; the message says how to continue."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.signal_number = signal_number


class NotificationError(PatchsweepError):
    """A destination could not be told how the scan ended; no other attempt would help."""


class AwsError(PatchsweepError):
    """An AWS call failed; `code` is AWS's own error code where there is one."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class Denied(AwsError):
    """The caller's permissions do not allow the call."""


class Disabled(AwsError):
    """AWS says that the Region is not enabled, or a service control policy forbids SSM there."""


class KeysRefused(AwsError):
    """A service did not accept the keys that signed the request; the request pipeline asks STS what that means."""


class TokenRefused(KeysRefused):
    """A service did not accept the access key or session token; a Region that is not enabled answers the same."""


class InvalidNode(AwsError):
    """AWS calls the node id invalid, which does not say whether the node left or is only not visible."""


class NodeGone(AwsError):
    """AWS calls the node id invalid and does not list the node any more."""


class PaginationBroken(AwsError):
    """The listing cannot be continued; what was read of it is void."""


class CredentialsExpired(AwsError):
    """The session that signed the request has ended."""


class Throttled(AwsError):
    """The request came too fast."""


class Transient(AwsError):
    """The same request may succeed in a moment."""


class Unavailable(AwsError):
    """The call failed for good."""
