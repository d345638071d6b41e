"""Why a scan has no answer for a machine and a CVE."""

from __future__ import annotations

from enum import StrEnum

from scanner.core.model import NodeStatus
from scanner.reports.staleness import StaleReason


class Finding(StrEnum):
    """What a machine is to a CVE, where its status and the age of its data do not decide it."""

    LACKS_FIX = "lacks_fix"
    PENDING_REBOOT = "pending_reboot"
    NOT_AFFECTED = "not_affected"
    HAS_FIX = "has_fix"
    UNNAMED_CVES = "unnamed_cves"
    BASELINE_UNREAD = "baseline_unread"
    BASELINE_CHANGED = "baseline_changed"
    PRODUCTS_LIMITED = "products_limited"
    NOTHING_APPROVED = "nothing_approved"
    SEVERITY_NOT_APPROVED = "severity_not_approved"
    MAY_BE_REJECTED = "may_be_rejected"
    APPROVED_UNTIL_DATE = "approved_until_date"
    PUBLICATION_UNKNOWN = "publication_unknown"
    NOT_APPROVED_YET = "not_approved_yet"


#: To follow "Unknown for 3 machines: ".
UNKNOWN_SENTENCES: dict[str, str] = {
    NodeStatus.UNMANAGED: "Systems Manager does not manage it",
    NodeStatus.STOPPED: "it is stopped",
    NodeStatus.SERVICE_MANAGED: "a service of AWS patches it",
    NodeStatus.SUMMARY_ONLY: "scanned by an association that reports counts and no list of patches",
    NodeStatus.NO_PATCH_DATA: "AWS has no patch data",
    NodeStatus.MISMATCHED: "not verified: the rows do not agree with AWS's counts, or some are not understood",
    NodeStatus.DENIED: "not read: a policy denies it",
    NodeStatus.FAILED: "not read: reading failed",
    NodeStatus.UNFINISHED: "not read: the scan ended before",
    **{reason.value: reason.sentence for reason in StaleReason},
    Finding.UNNAMED_CVES: "AWS names no CVEs for a patch that is missing and may hold the fix",
    Finding.BASELINE_UNREAD: "its patch baseline was not read, so it may not have approved the fix",
    Finding.BASELINE_CHANGED: "its patch baseline was changed after its last patch scan",
    Finding.PRODUCTS_LIMITED: "its patch baseline approves security patches of some products only",
    Finding.NOTHING_APPROVED: "no rule of its patch baseline approves security patches",
    Finding.SEVERITY_NOT_APPROVED: (
        "its patch baseline does not approve every severity, and that of the fix is not known to be approved "
        "(--severity names it)"
    ),
    Finding.MAY_BE_REJECTED: "its patch baseline rejects patches by name, and may reject the fix",
    Finding.APPROVED_UNTIL_DATE: "its patch baseline approves only what was released up to a date",
    Finding.PUBLICATION_UNKNOWN: (
        "its patch baseline approves patches days after their release, and the CVE may be younger (--published DATE "
        "tells)"
    ),
    Finding.NOT_APPROVED_YET: (
        "its last patch scan came before the CVE was published and its patch baseline's approval delay had passed"
    ),
}
