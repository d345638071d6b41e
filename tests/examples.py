"""How many examples Hypothesis tries of a property that opens servers or files for each of them."""

from __future__ import annotations

from hypothesis import settings


def costly() -> settings:
    """Returns settings with a quarter of the examples of the profile in force: for those of more than 10 ms of CPU.

    The profile `nightly` has ten times as many, so that each night tries more of them than a gate would without this.
    """
    return settings(max_examples=settings().max_examples // 4)
