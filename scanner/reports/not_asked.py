"""Groups what AWS refused to show beside patches: one line for each cause, with a count of accounts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from scanner.core.machines import MIDWAY, UNREADABLE
from scanner.core.model import Target
from scanner.reports.gap_groups import Gap, group_gaps
from scanner.reports.lines import counted

#: How the sentence of an AWS error begins: the action, where it was asked for, and the error code. It ends before the
#: next account, so that the failure of one call is never taken for that of another.
_REFUSAL = re.compile(r"([a-z0-9-]+:\w+) in account \d{12}\b(?:(?! in account ).)*?failed: (\w+)")
#: How the sentence begins on members of an answer that could not be read.
_ODD = re.compile(rf"([a-z0-9-]+:\w+) in account \d{{12}}, Region [a-z0-9-]+, answered {UNREADABLE}: [^;]*")
#: How the sentence begins on a listing that broke off; what follows are the words of the error.
_CUT = re.compile(rf"([a-z0-9-]+:\w+) in account \d{{12}}, Region [a-z0-9-]+, {MIDWAY}: ")
_REST = "the rest of"
#: Between two sentences of `targets.not_asked`; a sentence may hold a semicolon itself.
_NEXT_SENTENCE = re.compile(r"; (?=[a-z0-9-]+:[A-Z]\w+ in account \d)")
_DENIED = re.compile(r"AccessDenied|Unauthorized|NotAuthorized")


def not_asked_lines(sentences: Iterable[tuple[Target, str]]) -> Iterator[str]:
    """Yields `not asked: ec2:DescribeInstances is denied in 3 accounts (9 targets)` for each cause, the most first.

    Args:
        sentences: each target with one or more sentences on what was not asked there.
    """
    gaps, first_odd = [], dict[str, str | None]()
    for target, sentence in sentences:
        for cause, text in not_asked_causes(sentence):
            # The members, and how far a listing came, differ from target to target, so the first stands for all.
            is_odd = cause.endswith(UNREADABLE) or cause.startswith(_REST)
            if is_odd:
                first_odd.setdefault(cause, text)
            gaps.append(Gap(target, cause, None if is_odd else text))
    for group in group_gaps(gaps):
        accounts = len({gap.target.account_id for gap in group.gaps})
        targets = len({gap.target for gap in group.gaps})
        first = first_odd.get(group.status) or group.gaps[0].reason
        yield f"{'not read' if group.status in first_odd else 'not asked'}: {group.status} in " + (
            counted(accounts, "account")
            + (f" ({counted(targets, 'target')})" if targets != accounts else "")
            + (f", the first: {first}" if first else "")
        )


def not_asked_causes(text: str) -> Iterator[tuple[str, str | None]]:
    """Yields the words for each refusal of a text, with its sentence where they do not explain it."""
    for sentence in not_asked_sentences(text):
        cut = _CUT.match(sentence)
        if cut is not None:
            yield f"{_REST} {cut[1]}", sentence
        else:
            yield from _refusals(sentence)


def not_asked_sentences(text: str) -> list[str]:
    """Returns the sentences of a target's `not_asked`."""
    return _NEXT_SENTENCE.split(text)


def _refusals(sentence: str) -> Iterator[tuple[str, str | None]]:
    refusals = list(_REFUSAL.finditer(sentence))
    for refusal in refusals:
        action, code = refusal.groups()
        yield (f"{action} is denied", None) if _DENIED.search(code) else (f"{action} failed", sentence)
    odd = list(_ODD.finditer(sentence))
    for answer in odd:
        yield f"{answer[1]} answered {UNREADABLE}", answer[0]
    if not refusals and not odd:
        yield sentence, None
