"""Normalizes what AWS writes for an unknown value (empty texts, zero times, counts of -1) to None."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

_CVE_ID = re.compile(r"CVE-\d{4}-\d{4,}", re.IGNORECASE)
_EPOCH = re.compile(r"-?\d{9,}(\.\d+)?")  # eight digits are a date

END_OF_TIME_MS = 253_402_300_800_000  # the first moment of the year 10,000


def epoch_ms(time: float | str | None) -> int | None:
    """Returns the milliseconds of epoch seconds or ISO 8601 text; None for zero, negative and beyond the year 9999."""
    seconds = epoch_s(time) if isinstance(time, str) else time
    # What is infinite or absurd cannot be rounded to a number at all.
    if seconds is None or not 0.0 < seconds < END_OF_TIME_MS:
        return None
    milliseconds = round(seconds * 1000.0)
    return milliseconds if 0 < milliseconds < END_OF_TIME_MS else None


def epoch_s(text: str) -> float | None:
    """Returns the seconds of a text in ISO 8601, taken as UTC where it names no zone, or of epoch seconds as text.

    Nodes write the times of their own state files as numeric text (`1635487514.27`). None where it is no time.
    """
    if _EPOCH.fullmatch(text):
        return float(text)
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=20_000)
def cve_ids(joined: str) -> tuple[str, ...]:
    """Returns the ids in a list, in upper case, sorted, each once; a fleet has the same few thousand lists everywhere.

    AWS joins them with commas; forms with semicolons, blanks, or a Python list's brackets have been seen. A text in
    which no id is found is kept as it is, split at its commas, so that nothing that AWS said is lost.
    """
    found = {match.upper() for match in _CVE_ID.findall(joined)}
    return tuple(sorted(found or {*map(str.strip, joined.split(","))} - {""}))


def count(reported: int | None) -> int | None:
    """Returns a count, or None where it is absent or -1: a failed or old patching operation did not count."""
    return None if reported is None or reported < 0 else reported


def count_of_text(reported: str | float | None) -> int | None:
    """Returns a count that may come as text or as a float, as Inventory and compliance items write it, or None."""
    try:
        value = float(reported) if reported not in (None, "") else -1.0
    except ValueError:
        return None
    return int(value) if value.is_integer() and 0 <= value < 2**31 else None
