"""Patch baselines: AWS's own for each operating system, and the one that a node uses."""

from __future__ import annotations

from functools import lru_cache
from random import Random

from scanner.simulator.generate.platforms import PLATFORMS
from scanner.simulator.world.machines import ApprovalRule, Baseline
from scanner.simulator.world.organization import Account, Node

#: How SSM names the operating system of each platform.
OPERATING_SYSTEMS = {
    "amazon-linux-2023": "AMAZON_LINUX_2023",
    "amazon-linux-2": "AMAZON_LINUX_2",
    "rhel-9": "REDHAT_ENTERPRISE_LINUX",
    "ubuntu-22.04": "UBUNTU",
    "ubuntu-24.04": "UBUNTU",
    "windows-2022": "WINDOWS",
    "windows-2019": "WINDOWS",
}
_AWS_ACCOUNT = "075727635805"
_NAMES = {
    "AMAZON_LINUX_2023": "AWS-AmazonLinux2023DefaultPatchBaseline",
    "AMAZON_LINUX_2": "AWS-AmazonLinux2DefaultPatchBaseline",
    "REDHAT_ENTERPRISE_LINUX": "AWS-RedHatDefaultPatchBaseline",
    "UBUNTU": "AWS-UbuntuDefaultPatchBaseline",
    "WINDOWS": "AWS-DefaultPatchBaseline",
}
_RULES = {
    "UBUNTU": (
        ApprovalRule(severities=("Required", "Important", "Standard", "Optional", "Extra"), approve_after_days=0),
    ),
    "WINDOWS": (
        ApprovalRule(classifications=("CriticalUpdates", "SecurityUpdates"), severities=("Critical", "Important")),
    ),
}
_RPM_RULES = (
    ApprovalRule(classifications=("Security",), severities=("Critical", "Important")),
    ApprovalRule(classifications=("Bugfix",)),
)


@lru_cache(maxsize=256)
def aws_baseline(operating_system: str, region: str) -> Baseline:
    """Returns the baseline that AWS owns in a Region; its id is an ARN, and a bare `pb-…` is refused."""
    plain = f"pb-{Random(f'baseline:{operating_system}:{region}').getrandbits(68):017x}"
    return Baseline(
        baseline_id=f"arn:aws:ssm:{region}:{_AWS_ACCOUNT}:patchbaseline/{plain}",
        name=_NAMES[operating_system],
        operating_system=operating_system,
        rules=_RULES.get(operating_system, _RPM_RULES),
        is_owned_by_aws=True,
    )


def aws_baselines(region: str) -> list[Baseline]:
    """Returns all baselines that AWS owns in a Region."""
    return [aws_baseline(operating_system, region) for operating_system in _NAMES]


def baseline_of(account: Account, region: str, node: Node) -> Baseline:
    """Returns the baseline a node is scanned with: the account's own for its operating system, or else AWS's."""
    operating_system = OPERATING_SYSTEMS[PLATFORMS[node.platform].key]
    for baseline in account.baselines:
        if baseline.operating_system == operating_system and baseline.is_default:
            return baseline
    return aws_baseline(operating_system, region)
