"""The data dictionary: every table and column with its meaning and its Arrow type.

The Arrow schemas, `docs/tables.md`, `patchsweep schema`, the comments in databases and the Athena tables come from it.
"""

from __future__ import annotations

from scanner.core.column import COUNT, FLAG, TEXTS, TIME, Column, Table
from scanner.core.model import NodeStatus, TargetStatus
from scanner.core.node_columns import EC2_COLUMNS, INSTANCE_COLUMNS, PATCH_STATE_COLUMNS

_SCAN_ID = Column("scan_id", "Id of the scan: its start time in UTC and six hexadecimal digits.")
_ACCOUNT_ID = Column("account_id", "AWS account id: twelve digits as text, because it may begin with zeros.")
_REGION = Column("region", "AWS Region code, such as eu-west-1.")
_INSTANCE_ID = Column(
    "instance_id", "Id of the managed node: i-* for an EC2 instance, mi-* for a hybrid node (SSM InstanceId)."
)
TARGET_KEY = (_SCAN_ID, _ACCOUNT_ID, _REGION)
NODE_KEY = (*TARGET_KEY, _INSTANCE_ID)

#: What SSM DescribeInstancePatches says of one patch.
PATCH_COLUMNS = (
    Column(
        "kb_id", "KB id on Windows, package name on Linux and macOS; not unique on a node (KBId).", is_nullable=False
    ),
    Column("title", "Title of the patch (Title)."),
    Column("classification", "Classification, such as Security or CriticalUpdates (Classification)."),
    Column("severity", "Severity, as AWS says it (Severity)."),
    Column(
        "state",
        "State in its documented form, such as MISSING or INSTALLED_OTHER; unknown values are kept (State).",
        is_nullable=False,
    ),
    Column("installed_time", "When the patch was installed, in UTC; null where unknown (InstalledTime).", TIME),
    Column(
        "cve_ids",
        "CVE ids that the patch fixes, sorted and unique; AWS names them for some missing and failed patches (CVEIds).",
        TEXTS,
        is_nullable=False,
    ),
)

#: Which patching operation a row belongs to.
AS_OF = Column(
    "as_of",
    "End of the patching operation under which the row was read, in UTC (OperationEndTime); earlier than the node's if "
    "the row was carried over.",
    TIME,
)

#: What the scans of a store say of a patch besides; AWS keeps no history.
PATCH_HISTORY_COLUMNS = (
    Column(
        "missing_since",
        "When this patch (kb_id and title) was first seen lacking on the node without a break, in UTC: missing, "
        "failed, pending a reboot or offered by AWS. Null where it is not lacking, and where no earlier scan can tell.",
        TIME,
    ),
    Column("package_missing_since", "The same for the kb_id in any version, so never later than missing_since.", TIME),
)

_PATCHES = Table(
    "patches",
    "One row for each patch on a node, as AWS lists it.",
    (*NODE_KEY, *PATCH_COLUMNS, AS_OF, *PATCH_HISTORY_COLUMNS),
)

#: What the scans of a store say of a node besides.
NODE_HISTORY_COLUMNS = (
    Column(
        "history_since",
        "When the store's history of the node begins, in UTC: a patch that is missing since then may be missing for "
        "longer. Null where no earlier scan read the node.",
        TIME,
    ),
    Column(
        "reboot_pending_since",
        "Since when a patch waits for a reboot of the node, in UTC: when the scans of the store first saw it without a "
        "break or, where AWS names an earlier installation without reboot, then.",
        TIME,
    ),
)

_NODES = Table(
    "nodes",
    "One row for each managed node: how reading it ended, and its last patching operation.",
    (
        *NODE_KEY,
        Column(
            "status", "How the machine ended: verified, unmanaged, denied and so on; docs/results.md explains each."
        ),
        Column("reason", "Why the node has this status; null where there is nothing to explain."),
        Column("account_name", "Name of the account (Organizations Account.Name); null where it was not listed."),
        *(column for column, _ in EC2_COLUMNS),
        *INSTANCE_COLUMNS,
        *PATCH_STATE_COLUMNS,
        Column("patch_rows", "Number of rows of this node in patches.", COUNT),
        Column("pages", "Number of answers of DescribeInstancePatches that were read for the node.", COUNT),
        Column("restarts", "How often reading the node started again from its first page.", COUNT),
        Column("scanned_at", "When the node's rows were read, in UTC; earlier than the scan if carried over.", TIME),
        Column(
            "installed_as_of",
            "End of the patching operation under which the installed patches were read, in UTC; earlier than "
            "operation_end_time if they were carried over. Null where they were not read, or not verified.",
            TIME,
        ),
        Column("installed_read_at", "When the installed patches were read, in UTC; null like installed_as_of.", TIME),
        Column("carried_rows", "Number of rows of this node in patches that were carried over from a scan.", COUNT),
        *NODE_HISTORY_COLUMNS,
    ),
)

#: A tag of a machine.
TAG_COLUMNS = (
    Column("key", "Key of the tag (EC2 Tags, or Tagging GetResources for hybrid nodes).", is_nullable=False),
    Column("value", "Value of the tag; may be empty.", is_nullable=False),
)

_TAGS = Table(
    "tags",
    "One row for each tag of a machine: those that nodes.tag_keys names, or all but those of AWS (aws:*).",
    (*NODE_KEY, *TAG_COLUMNS),
)

#: A patch baseline that nodes of a target name.
BASELINE_COLUMNS = (
    Column("baseline_id", "Id of the baseline (pb-...), as nodes name it in baseline_id.", is_nullable=False),
    Column("name", "Name of the baseline (Name)."),
    Column("operating_system", "Operating system it is for (OperatingSystem)."),
    Column("owner", "AWS for a baseline that AWS owns, Self for one of the account."),
    Column("approve_after_days_min", "Fewest days after release at which a rule approves a patch.", COUNT),
    Column("approve_after_days_max", "Most days after release at which a rule approves a patch.", COUNT),
    Column("approve_until_date", "Earliest date up to which a rule approves, YYYY-MM-DD (ApproveUntilDate)."),
    Column("classifications", "Classifications that its rules approve; empty means all of them.", TEXTS),
    Column("severities", "Severities that its rules approve; empty means all of them.", TEXTS),
    Column(
        "security_severities",
        "Severities at which a rule approves security patches of everything; empty means all of them, null none.",
        TEXTS,
    ),
    Column(
        "narrowed_by",
        "Filters, such as PRODUCT, that limit rules for security patches; empty means none. Such a rule does not count "
        "in security_severities.",
        TEXTS,
    ),
    Column("compliance_level", "Highest compliance level of its rules (ComplianceLevel)."),
    Column("approved_patches", "Patches that are approved by name (ApprovedPatches).", TEXTS),
    Column("rejected_patches", "Patches that are rejected by name (RejectedPatches).", TEXTS),
    Column("rejected_patches_action", "ALLOW_AS_DEPENDENCY or BLOCK (RejectedPatchesAction)."),
    Column(
        "available_security_updates",
        "How security updates count that are not approved yet (AvailableSecurityUpdatesComplianceStatus).",
    ),
    Column("modified_at", "When the baseline was last changed, in UTC (ModifiedDate).", TIME),
    Column(
        "is_default",
        "Whether it is the default for its operating system in the target (DefaultBaseline); null where AWS does not "
        "say.",
        FLAG,
    ),
    Column(
        "enable_non_security",
        "Whether one of its rules approves updates besides security updates on Linux (EnableNonSecurity); null where "
        "AWS does not say.",
        FLAG,
    ),
    Column(
        "nodes",
        "Number of the target's nodes whose last patching operation used it, less those that are gone; null in scans "
        "that did not count them.",
        COUNT,
    ),
)

_BASELINES = Table(
    "baselines",
    "One row for each patch baseline that nodes of a target name, where it could be read.",
    (*TARGET_KEY, *BASELINE_COLUMNS),
)

_TARGETS = Table(
    "targets",
    "One row for each target, an account and Region: how reading it ended.",
    (
        _SCAN_ID,
        _ACCOUNT_ID,
        Column("account_name", "Name of the account (Organizations Account.Name); null where it was not listed."),
        Column("region", "AWS Region code, or * for an account whose Regions could not be listed."),
        Column("status", f"How reading the target ended: {', '.join(TargetStatus)}."),
        Column("reason", "Why the target has this status; null where there is nothing to explain."),
        Column("nodes", "Number of the target's nodes in nodes.", COUNT),
        Column("patch_rows", "Number of the target's rows in patches.", COUNT),
        Column("requests", "Number of requests sent to AWS for the target.", COUNT),
        Column("throttles", "Number of requests that AWS refused because they came too fast.", COUNT),
        Column("retries", "Number of requests that repeated a failed one.", COUNT),
        Column("started_at", "When reading the target started, in UTC.", TIME),
        Column("finished_at", "When reading the target ended, in UTC.", TIME),
        Column("not_asked", "What was not asked of AWS in the target, and why: one sentence for each source."),
        Column(
            "ou_path",
            "Where the account is in the organization, o-.../r-.../ou-... (the first of Organizations Account.Paths, "
            "without the account id); null where it was not listed.",
        ),
    ),
)

_SCANS = Table(
    "scans",
    "One row for each scan.",
    (
        _SCAN_ID,
        Column(
            "status", "complete: everything in scope was read and verified; partial: not all of it; failed: nothing."
        ),
        Column("started_at", "When the scan started, in UTC.", TIME),
        Column("finished_at", "When the scan ended, in UTC.", TIME),
        Column(
            "mode",
            "full: every node was read; delta: nodes whose patch state did not change were carried over; lean: what is "
            "lacking was read, and what is installed was carried over for some days.",
        ),
        Column(
            "states",
            "Patch states the scan was limited to; empty means all, less NOT_APPLICABLE where that was left out.",
            TEXTS,
        ),
        Column("scope", "What the scan was to cover, as JSON: accounts, Regions, exclusions and node filters."),
        *(Column(f"nodes_{status}", f"Number of nodes with the status {status}.", COUNT) for status in NodeStatus),
        *(
            Column(f"targets_{status}", f"Number of targets with the status {status}.", COUNT)
            for status in TargetStatus
        ),
        Column("patch_rows", "Number of the scan's rows in patches.", COUNT),
        Column("requests", "Number of requests sent to AWS.", COUNT),
        Column("throttles", "Number of requests that AWS refused because they came too fast.", COUNT),
        Column("version", "Version of patchsweep that ran the scan."),
    ),
)

#: Every table by name, in the order in which rows refer to each other.
DICTIONARY: dict[str, Table] = {table.name: table for table in (_PATCHES, _NODES, _TAGS, _TARGETS, _BASELINES, _SCANS)}
