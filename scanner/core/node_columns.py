"""The columns of a node: what DescribeInstanceInformation and DescribeInstancePatchStates say of it.

A column is named like the field of `ManagedNode` or `PatchState` that fills it.
"""

from __future__ import annotations

from scanner.core.column import COUNT, TIME, Column

#: From EC2 DescribeInstances, each with the field of `Instance` that fills it; null where EC2 was not asked.
EC2_COLUMNS = (
    (Column("ec2_state", "State of the EC2 instance: running, stopped and so on (EC2 State.Name)."), "state"),
    (Column("launch_time", "When the EC2 instance was last started, in UTC (EC2 LaunchTime).", TIME), "launch_time"),
    (Column("image_id", "Machine image of the EC2 instance (EC2 ImageId)."), "image_id"),
)

#: From SSM DescribeInstanceInformation, one for each field of `ManagedNode`.
INSTANCE_COLUMNS = (
    Column("resource_type", "EC2Instance or ManagedInstance (SSM ResourceType)."),
    Column("platform_type", "Windows, Linux or MacOS (SSM PlatformType)."),
    Column("platform_name", "Name of the operating system, such as Amazon Linux (SSM PlatformName)."),
    Column("platform_version", "Version of the operating system (SSM PlatformVersion)."),
    Column("computer_name", "Fully qualified host name, as the node reports it (SSM ComputerName)."),
    Column("ip_address", "IP address, as the node reports it (SSM IPAddress)."),
    Column("agent_version", "Version of the SSM Agent (SSM AgentVersion)."),
    Column("ping_status", "Online, ConnectionLost or Inactive (SSM PingStatus)."),
    Column("last_ping_time", "When the SSM Agent last reported to the service, in UTC (SSM LastPingDateTime).", TIME),
    Column("name", "Name given to a hybrid node when it was registered (SSM Name)."),
    Column("iam_role", "IAM role of a hybrid node (SSM IamRole)."),
    Column("activation_id", "Activation that registered a hybrid node (SSM ActivationId)."),
    Column("registration_date", "When the node was registered, in UTC (SSM RegistrationDate).", TIME),
    Column("association_status", "Status of the node's State Manager associations (SSM AssociationStatus)."),
    Column(
        "last_association_time",
        "When an association last ran on the node, in UTC (SSM LastAssociationExecutionDate).",
        TIME,
    ),
    Column(
        "last_successful_association_time",
        "When an association last succeeded, in UTC (SSM LastSuccessfulAssociationExecutionDate).",
        TIME,
    ),
    Column("source_type", "Kind of the machine behind the node, also in other clouds (SSM SourceType)."),
    Column("source_id", "Id of that machine (SSM SourceId)."),
    Column("source_location", "Where that machine is (SSM SourceLocation)."),
)

#: From SSM DescribeInstancePatchStates, one for each field of `PatchState`.
PATCH_STATE_COLUMNS = (
    Column("patch_group", "Patch group of the node (PatchGroup of the patch state)."),
    Column("baseline_id", "Patch baseline of the last patching operation (BaselineId of the patch state)."),
    Column("snapshot_id", "Snapshot of the baseline that was used (SnapshotId of the patch state)."),
    Column("operation", "Last patching operation: Scan or Install (Operation of the patch state)."),
    Column("operation_start_time", "When that operation started, in UTC (OperationStartTime).", TIME),
    Column("operation_end_time", "When that operation ended, in UTC: the age of the data (OperationEndTime).", TIME),
    Column("reboot_option", "RebootIfNeeded or NoReboot (RebootOption of the patch state)."),
    Column("installed_count", "Installed patches, as AWS counts them (InstalledCount).", COUNT),
    Column(
        "installed_other_count",
        "Installed patches that the baseline does not list, as AWS counts them (InstalledOtherCount).",
        COUNT,
    ),
    Column(
        "installed_pending_reboot_count",
        "Patches installed since the last reboot, as AWS counts them (InstalledPendingRebootCount).",
        COUNT,
    ),
    Column(
        "installed_rejected_count",
        "Installed patches that the baseline rejects, as AWS counts them (InstalledRejectedCount).",
        COUNT,
    ),
    Column("missing_count", "Approved patches that are not installed, as AWS counts them (MissingCount).", COUNT),
    Column("failed_count", "Patches whose installation failed, as AWS counts them (FailedCount).", COUNT),
    Column(
        "not_applicable_count",
        "Patches that do not apply to the node, as AWS counts them (NotApplicableCount); their rows are not verified.",
        COUNT,
    ),
    Column(
        "unreported_not_applicable_count",
        "Patches that do not apply and that AWS does not list (UnreportedNotApplicableCount).",
        COUNT,
    ),
    Column(
        "available_security_update_count",
        "Security updates that the baseline does not approve yet, as AWS counts them (AvailableSecurityUpdateCount).",
        COUNT,
    ),
    Column(
        "critical_noncompliant_count",
        "Missing, failed, rejected or pending patches of critical compliance level (CriticalNonCompliantCount).",
        COUNT,
    ),
    Column(
        "security_noncompliant_count",
        "Missing, failed, rejected or pending security patches (SecurityNonCompliantCount).",
        COUNT,
    ),
    Column(
        "other_noncompliant_count",
        "Other missing, failed, rejected or pending patches (OtherNonCompliantCount).",
        COUNT,
    ),
    Column(
        "last_no_reboot_install_time",
        "When patches were last installed without a reboot, in UTC (LastNoRebootInstallOperationTime).",
        TIME,
    ),
    Column("install_override_list", "List that overrode the baseline at the last installation (InstallOverrideList)."),
)
