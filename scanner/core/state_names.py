"""The names of patch states, as AWS documents them and as the service lists them."""

from __future__ import annotations

from functools import lru_cache

#: The documented patch states (enum PatchComplianceDataState of the SSM model).
PATCH_STATES: tuple[str, ...] = (
    "INSTALLED",
    "INSTALLED_OTHER",
    "INSTALLED_PENDING_REBOOT",
    "INSTALLED_REJECTED",
    "MISSING",
    "NOT_APPLICABLE",
    "FAILED",
    "AVAILABLE_SECURITY_UPDATE",
)

#: The states of a patch whose fix is not in effect on the node.
LACKING_STATES: tuple[str, ...] = ("MISSING", "FAILED", "INSTALLED_PENDING_REBOOT", "AVAILABLE_SECURITY_UPDATE")

#: The states of a patch that is installed and stays so: what lean mode carries over from an earlier scan.
CARRIED_STATES: tuple[str, ...] = ("INSTALLED", "INSTALLED_OTHER")

#: The state of a patch that the node does not need.
NOT_APPLICABLE = "NOT_APPLICABLE"

#: The state of a fix that is on the disk and takes effect with the next reboot.
PENDING_REBOOT = "INSTALLED_PENDING_REBOOT"

#: The states that AWS counts as non-compliant. A rejected patch is installed, so nothing is lacking, but it violates
#: the baseline. Whether AVAILABLE_SECURITY_UPDATE counts is a setting of the baseline.
NONCOMPLIANT_STATES: tuple[str, ...] = ("MISSING", "FAILED", "INSTALLED_PENDING_REBOOT", "INSTALLED_REJECTED")

#: The states whose rows can be compared with a count of the patch state, and that count's name. NOT_APPLICABLE is left
#: out: Linux counts it and never lists it, Windows truncates the list.
COUNTED_STATES: dict[str, str] = {
    "INSTALLED": "installed_count",
    "INSTALLED_OTHER": "installed_other_count",
    "INSTALLED_PENDING_REBOOT": "installed_pending_reboot_count",
    "INSTALLED_REJECTED": "installed_rejected_count",
    "MISSING": "missing_count",
    "FAILED": "failed_count",
    "AVAILABLE_SECURITY_UPDATE": "available_security_update_count",
}

#: The counts of the non-compliant states. A node is compliant if they are 0 and none of its rows is in such a state;
#: absent ones prove nothing, but that of rejected patches, which AWS may leave out, counts as 0 then.
NONCOMPLIANT_COUNTS: tuple[str, ...] = tuple(COUNTED_STATES[state] for state in NONCOMPLIANT_STATES)

#: The one of these counts that may be absent.
REJECTED_COUNT = COUNTED_STATES["INSTALLED_REJECTED"]

#: The states that lean mode reads in every scan: what is lacking, and what is installed though it is rejected.
REFRESHED_STATES: tuple[str, ...] = tuple(state for state in COUNTED_STATES if state not in CARRIED_STATES)

_DOCUMENTED = {state.replace("_", "").lower(): state for state in PATCH_STATES}


@lru_cache(maxsize=256)  # each node has the same few; it takes 0.4 us to find out
def documented_state(raw: str) -> str:
    """Returns the documented form of a state (`InstalledOther` is `INSTALLED_OTHER`); an unknown one passes unchanged.

    The plural `AvailableSecurityUpdates` of AWS's own node code is the same state.
    """
    plain = raw.replace("_", "").lower()
    return _DOCUMENTED.get(plain) or _DOCUMENTED.get(plain.removesuffix("s"), raw)


def wire_state(documented: str) -> str:
    """Returns the CamelCase form, which the service stores and a State filter has to use."""
    return "".join(word.capitalize() for word in documented.split("_"))


#: Classifications of patches that hold no security fix, in lower case; any other one, and none, may hold some.
#: Source: Microsoft, "Description of the standard terminology for software updates" (a critical update fixes what has
#: nothing to do with security; rollups and service packs hold security updates); the advisory types of yum and zypper.
WITHOUT_SECURITY_FIXES: tuple[str, ...] = (
    "bugfix",
    "enhancement",
    "recommended",
    "newpackage",
    "optional",
    "feature",
    "document",
    "criticalupdates",
    "definitionupdates",
    "drivers",
    "featurepacks",
    "tools",
    "updates",
)
