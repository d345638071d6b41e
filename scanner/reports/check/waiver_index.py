"""Decides which waiver covers a finding, and remembers which waivers covered anything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from scanner.reports.check.finding import Finding
from scanner.reports.check.waivers import Waiver

#: The conditions from the rarest value to the most frequent: a waiver is looked up by the first that it names.
_BY_RARITY = ("node", "cve", "kb_id", "account", "tag", "ou")


class WaiverIndex:
    """The waivers of a file, looked up by one of their conditions, so that a finding is held against few of them."""

    def __init__(self, waivers: Sequence[Waiver], today: date) -> None:
        self._waivers = waivers
        self._today = today
        self._matched: set[int] = set()
        self._by_value: dict[tuple[str, str], list[Waiver]] = defaultdict(list)
        for waiver in waivers:
            name = next(name for name in _BY_RARITY if getattr(waiver, name) is not None)
            self._by_value[name, getattr(waiver, name)].append(waiver)

    @property
    def tag_keys(self) -> list[str]:
        """Returns the keys of the tags that waivers name."""
        return sorted({waiver.tag.partition("=")[0] for waiver in self._waivers if waiver.tag})

    @property
    def expired(self) -> list[Waiver]:
        """Returns the waivers that have ended: they cover nothing."""
        return [waiver for waiver in self._waivers if waiver.expires < self._today]

    @property
    def without_match(self) -> list[Waiver]:
        """Returns the waivers in force that covered no finding so far."""
        return [each for each in self._waivers if each.expires >= self._today and each.number not in self._matched]

    def waiver_of(self, finding: Finding) -> Waiver | None:
        """Returns the waiver in force that covers the finding; of several the first of the file.

        A waiver of one CVE covers a patch only if every CVE that the patch fixes is waived, by this waiver or others.
        """
        matching = [waiver for waiver in self._candidates(finding) if self._is_in_force_for(waiver, finding)]
        whole = [waiver for waiver in matching if waiver.cve is None]
        if not whole:
            waived = {waiver.cve for waiver in matching}
            whole = matching if finding.cve_ids and waived >= {*finding.cve_ids} else []
            self._matched.update(waiver.number for waiver in whole)
        first = min(whole, key=lambda waiver: waiver.number, default=None)
        if first is not None:
            self._matched.add(first.number)
        return first

    def _candidates(self, finding: Finding) -> Iterator[Waiver]:
        for name, values in _values(finding):
            for value in values:
                yield from self._by_value.get((name, value), ())

    def _is_in_force_for(self, waiver: Waiver, finding: Finding) -> bool:
        if waiver.expires < self._today:
            return False
        named = ((values, getattr(waiver, name)) for name, values in _values(finding))
        return all(wanted is None or wanted in values for values, wanted in named)


def _values(finding: Finding) -> Iterable[tuple[str, Sequence[str]]]:
    """Returns what each condition of a waiver is held against."""
    return (
        ("account", (finding.account_id,)),
        ("ou", (finding.ou_path or "").split("/")),
        ("tag", finding.tags),
        ("node", (finding.instance_id,)),
        ("kb_id", (finding.kb_id,) if finding.kb_id else ()),
        ("cve", finding.cve_ids),
    )
