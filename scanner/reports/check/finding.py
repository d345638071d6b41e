"""One thing that a check found: a violation, something that cannot be told, or a waived one of either."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from hashlib import sha256

from msgspec import Struct

from scanner.core.model import EpochMs
from scanner.reports.check.policy import Rule


class Outcome(StrEnum):
    """What a finding means for the policy."""

    VIOLATED = "violated"
    UNKNOWN = "unknown"


class Finding(Struct, frozen=True, kw_only=True):
    """A patch on a machine, or a machine alone, with why it matters to a rule.

    `missing_since` is when the patch was first seen lacking by the clock of the policy, None where that is not known.
    """

    rule: Rule
    outcome: Outcome
    why: str
    account_id: str
    region: str
    instance_id: str
    computer_name: str | None = None
    platform_name: str | None = None
    ou_path: str | None = None
    group: str | None = None
    tags: tuple[str, ...] = ()  # `KEY=VALUE`, of the keys that waivers name
    kb_id: str | None = None
    title: str | None = None
    severity: str | None = None
    state: str | None = None
    cve_ids: tuple[str, ...] = ()
    missing_since: EpochMs | None = None
    due: date | None = None

    @property
    def key(self) -> str:
        """Returns a digest that is the same in every scan that finds this."""
        parts = (self.rule, self.account_id, self.region, self.instance_id, self.kb_id or "", self.title or "")
        return sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()[:32]

    @property
    def machine(self) -> str:
        """Returns `123456789012/eu-west-1 i-0a`."""
        return f"{self.account_id}/{self.region} {self.instance_id}"
