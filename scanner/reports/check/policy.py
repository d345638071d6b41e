"""The rules that a scan is held against, made from the settings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from scanner.core.did_you_mean import did_you_mean
from scanner.core.errors import ConfigError
from scanner.core.settings import CheckSettings, Clock

EVERY_OTHER = "*"
_VENDORS_IMPORTANT = "Important"
#: The severities of vendors, then the priorities of Debian and Ubuntu. Source: SSM, PatchProperty `PATCH_SEVERITY`.
SEVERITIES = (
    *("Critical", "Important", "Moderate", "Medium", "Low", "None", "Unspecified"),
    *("required", "important", "standard", "optional", "extra"),
)
_KNOWN = {EVERY_OTHER, *(severity.lower() for severity in SEVERITIES)}
CRITICAL_LIMIT_MS = 14 * 86_400_000
_LIMIT = re.compile(r"\s*(?P<severity>[^=]+?)\s*=\s*(?P<number>\d{1,5})\s*(?P<unit>[hdw])\s*")
_UNITS_MS = {"h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}


class Rule(StrEnum):
    """What can be violated."""

    MAX_AGE = "max_age"
    KEV_DUE = "kev_due"
    MAX_UNREAD = "max_unread"
    MAX_UNMANAGED = "max_unmanaged"


class AgeLimit(Struct, frozen=True):
    """How long a patch of one severity may be lacking; the severity `*` stands for every other one."""

    severity: str
    limit_ms: int

    @property
    def meant(self) -> str:
        """Returns what two limits must not share: the severity in any case, but for the vendors' own `Important`."""
        return self.severity if self.severity == _VENDORS_IMPORTANT else self.severity.lower()

    @property
    def spellings(self) -> tuple[str, ...]:
        """Returns what AWS may write for the severity.

        Debian has a priority `important`, far below a vendor's `Important`: so written, the vendors' alone is meant.
        """
        if self.severity == _VENDORS_IMPORTANT:
            return (self.severity,)
        return tuple(dict.fromkeys((self.severity, self.severity.capitalize(), self.severity.lower())))

    @property
    def text(self) -> str:
        """Returns `Critical=14d`."""
        unit = next(unit for unit in ("d", "h") if self.limit_ms % _UNITS_MS[unit] == 0)
        return f"{self.severity}={self.limit_ms // _UNITS_MS[unit]}{unit}"


class Policy(Struct, frozen=True):
    """The rules in force. A limit of None is not set: the machines it is about then leave the answer open."""

    max_age: tuple[AgeLimit, ...] = ()
    clock: Clock = "patch"
    max_unread: int | None = None
    max_unmanaged: int | None = None
    kev_due: bool = (
        False  # Whether patches that fix a known exploited vulnerability have to be installed by its due date
    )

    @property
    def has_rules(self) -> bool:
        """Returns whether anything is checked at all."""
        return bool(self.max_age) or self.kev_due or self.max_unread is not None or self.max_unmanaged is not None


def policy_of(settings: CheckSettings, *, kev_due: bool) -> Policy:
    """Returns the policy of these settings.

    Raises:
        ConfigError: a limit cannot be understood, or there is no rule.
    """
    limits = age_limits(settings.max_age)
    policy = Policy(limits, settings.clock, settings.max_unread, settings.max_unmanaged, kev_due)
    if not policy.has_rules:
        raise ConfigError(
            "there is no policy to check; give --max-age Critical=14d, --kev FILE, --max-unread N or "
            "--max-unmanaged N, or the section [check]"
        )
    return policy


def age_limits(texts: Sequence[str]) -> tuple[AgeLimit, ...]:
    """Returns the limits that `Critical=14d` and its like stand for.

    Raises:
        ConfigError: one is written otherwise, or a severity has two.
    """
    limits: dict[str, AgeLimit] = {}
    for text in texts:
        match = _LIMIT.fullmatch(text)
        if match is None:
            raise ConfigError(f"{text!a} is no age limit (expected SEVERITY=NUMBER and h, d or w, as in Critical=14d)")
        if match["severity"].lower() not in _KNOWN:
            # A limit that no patch has would be met by all.
            hint = did_you_mean(match["severity"], SEVERITIES)
            raise ConfigError(
                f"{text!a}: no vendor has the severity {match['severity']!a}{hint}; "
                f"use {', '.join(SEVERITIES)}, or {EVERY_OTHER} for every other one"
            )
        limit = AgeLimit(match["severity"], int(match["number"]) * _UNITS_MS[match["unit"]])
        if limit.meant in limits:
            raise ConfigError(f"the severity {limit.severity!a} has two age limits, {limits[limit.meant].text} first")
        limits[limit.meant] = limit
    return tuple(limits.values())


def critical_limit_ms(settings: CheckSettings) -> int:
    """Returns after how long a Critical patch is overdue where no policy is checked: 14 days, or what the policy says.

    Source of the 14 days: Cyber Essentials, "Requirements for IT infrastructure", security update management.

    Raises:
        ConfigError: a limit cannot be understood.
    """
    limits = {limit.severity.lower(): limit.limit_ms for limit in age_limits(settings.max_age)}
    return limits.get("critical", limits.get(EVERY_OTHER, CRITICAL_LIMIT_MS))
