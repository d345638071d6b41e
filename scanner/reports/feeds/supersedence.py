"""Follows which update carries the fixes of which others: a later KB covers what the KBs that it supersedes fix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct


class Carriers(Struct, frozen=True):
    """What the KBs of a feed are to one CVE.

    `roots` has the KBs that carry its fix, with the fixes that each carries. `uncertain` KBs may carry it: they
    supersede a KB that the feed does not describe, or say in free text what they supersede.
    """

    roots: Mapping[str, frozenset[str]]
    uncertain: frozenset[str]


def carriers(fixes: Iterable[str], described: Iterable[str], supersedes: Iterable[tuple[str, str | None]]) -> Carriers:
    """Returns what each KB is to a CVE that these KBs fix.

    Args:
        fixes: The KBs that fix the CVE.
        described: Every KB of the feed.
        supersedes: Pairs of a KB and one that it supersedes, None for free text. Circles do no harm.
    """
    wanted, known = frozenset(fixes), frozenset(described)
    roots: dict[str, frozenset[str]] = {}
    uncertain: set[str] = set()
    for kb_id, covered in covered_by(known | wanted, supersedes).items():
        if carried := wanted & {each for each in covered if each}:
            roots[kb_id] = carried
        elif not covered <= known:
            uncertain.add(kb_id)
    return Carriers(roots, frozenset(uncertain))


def covered_by(kb_ids: Iterable[str], supersedes: Iterable[tuple[str, str | None]]) -> dict[str, frozenset[str | None]]:
    """Returns for each KB itself and all that it supersedes, directly or through others; None stands for free text."""
    direct: dict[str, set[str | None]] = {}
    for kb_id, superseded in supersedes:
        direct.setdefault(kb_id, set()).add(superseded)
    return {kb_id: _covered(kb_id, direct) for kb_id in kb_ids}


def _covered(kb_id: str, direct: Mapping[str, set[str | None]]) -> frozenset[str | None]:
    covered: set[str | None] = {kb_id}
    pending: list[str | None] = [kb_id]
    while pending:
        last = pending.pop()
        found = direct.get(last, set()) - covered if last is not None else set()
        covered |= found
        pending += found
    return frozenset(covered)
