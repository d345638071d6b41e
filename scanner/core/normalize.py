"""How AWS spells what it does not know: empty texts, zero times, counts of -1. In patchsweep unknown is None."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from scanner.core.model import EpochMs

END_OF_TIME_MS = 253_402_300_800_000
"""The first moment of the year 10,000."""


def epoch_ms(time: float | str | None) -> EpochMs | None:
    """Milliseconds of epoch seconds or ISO 8601 text; zero, negative and what lies beyond the calendar are None."""
    seconds = epoch_s(time) if isinstance(time, str) else time
    # What is infinite or absurd cannot be rounded to a number at all.
    if seconds is None or not 0.0 < seconds < END_OF_TIME_MS:
        return None
    milliseconds = round(seconds * 1000.0)
    return milliseconds if 0 < milliseconds < END_OF_TIME_MS else None


def epoch_s(text: str) -> float | None:
    """Seconds of an ISO 8601 text, taken as UTC where it names no zone; None where it is no time."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=20_000)
def cve_ids(joined: str) -> tuple[str, ...]:
    """The ids of a comma-joined list, sorted, each once; a fleet has the same few thousand lists everywhere."""
    return tuple(sorted({*map(str.strip, joined.split(","))} - {""}))


def count(reported: int | None) -> int | None:
    """A count, or None where it is absent or -1: a failed or old patching operation did not count."""
    return None if reported is None or reported < 0 else reported
