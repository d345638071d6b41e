"""Decides whether the patch data of a node is too old to answer with, and why it is old."""

from __future__ import annotations

from enum import StrEnum

from scanner.core.model import EpochMs

DAY_MS = 86_400_000


class StaleReason(StrEnum):
    """Why the data of a node is stale, which decides what has to be done about it."""

    NEVER_SCANNED = "never_scanned"
    SCAN_DID_NOT_RUN = "scan_did_not_run"
    NODE_SILENT = "node_silent"
    BASELINE_OVERRIDE = "baseline_override"
    OLD_READING = "old_reading"

    @property
    def sentence(self) -> str:
        """Returns what it means, to follow "Unknown for 3 nodes: "."""
        return _SENTENCES[self]


_SENTENCES = {
    StaleReason.NEVER_SCANNED: "AWS names no time at which a patch scan of the node ended",
    StaleReason.SCAN_DID_NOT_RUN: "stale: online, but its patch scan has not run for too long",
    StaleReason.NODE_SILENT: "stale: the node has been silent since its last patch scan",
    StaleReason.BASELINE_OVERRIDE: (
        "stale, although an association succeeded lately: it may scan with a BaselineOverride, which reports nothing"
    ),
    StaleReason.OLD_READING: "stale: patchsweep read it too long ago; run a new scan",
}


def answered_at(finished_at: EpochMs, now: EpochMs, *, is_demo: bool) -> EpochMs:
    """Returns the time for which a question to a scan that ended at `finished_at` is answered.

    That is now, so that data grows stale while no new scan runs. A scan of the demonstration is of a simulated day,
    about which the real clock says nothing, so its own end counts; so it does where a clock that ran ahead dated the
    scan after now.
    """
    return finished_at if is_demo else max(now, finished_at)


def is_fresh_by_days(age_days: int | None, stale_after_days: int) -> bool:
    """Returns the rule of `stale_reason` for an age of which only the full days are kept; None is never fresh.

    Full days from 0 up to `stale_after_days` - 1 are those of ages below the limit; an age that equals it to the
    millisecond, which is fresh there, is not told from an older one and counts as stale.
    """
    return age_days is not None and age_days < stale_after_days


def stale_reason(
    *,
    operation_end_time: EpochMs | None,
    ping_status: str | None,
    last_successful_association_time: EpochMs | None,
    read_at: EpochMs,
    now: EpochMs,
    stale_after_days: int,
) -> StaleReason | None:
    """Returns why the node's data is stale at `now`, or None if it is fresh; `STALE_REASON` is the same in SQL.

    A run with a BaselineOverride uploads no result, so an old end time beside a fresh association gives it away.

    Args:
        operation_end_time: the end of the last patching operation.
        ping_status: Online, ConnectionLost or Inactive.
        last_successful_association_time: when an association last succeeded on the node.
        read_at: the end of the scan that read the node.
        now: the time for which the answer is given.
        stale_after_days: the age from which on data is stale.
    """
    limit_ms = stale_after_days * DAY_MS
    if operation_end_time is None:
        return StaleReason.NEVER_SCANNED
    if now - operation_end_time <= limit_ms:
        return None
    if read_at - operation_end_time <= limit_ms:
        return StaleReason.OLD_READING
    if ping_status != "Online":
        return StaleReason.NODE_SILENT
    if last_successful_association_time is not None and read_at - last_successful_association_time <= limit_ms:
        return StaleReason.BASELINE_OVERRIDE
    return StaleReason.SCAN_DID_NOT_RUN


#: The same rule over `nodes`, with the parameters of `stale_parameters`; `read_at` is a column in epoch milliseconds.
STALE_REASON = """
CASE
  WHEN operation_end_time IS NULL THEN $never_scanned
  WHEN $now_ms - epoch_ms(operation_end_time) <= $stale_after_ms THEN NULL
  WHEN read_at - epoch_ms(operation_end_time) <= $stale_after_ms THEN $old_reading
  WHEN ping_status IS DISTINCT FROM $online THEN $node_silent
  WHEN read_at - epoch_ms(last_successful_association_time) <= $stale_after_ms THEN $baseline_override
  ELSE $scan_did_not_run
END
"""


def stale_parameters(now: EpochMs, stale_after_days: int) -> dict[str, str | int]:
    """Returns the parameters of `STALE_REASON`."""
    reasons = {reason.value: reason.value for reason in StaleReason}
    return {**reasons, "online": "Online", "now_ms": now, "stale_after_ms": stale_after_days * DAY_MS}
