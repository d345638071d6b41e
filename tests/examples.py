"""How many examples Hypothesis tries of a property that opens servers, stores or databases for each of them."""

from __future__ import annotations

from hypothesis import settings

#: The examples of the profile `nightly`, which `HYPOTHESIS_PROFILE` names.
NIGHTLY_EXAMPLES = 1_000


def costly(divisor: int = 4) -> settings:
    """Returns settings with so many times fewer examples than the profile in force has.

    For a property one example of which takes more than 10 ms of CPU: a gate tries 25 of it, or 10, and each night tries
    ten times as many.
    """
    return settings(max_examples=settings().max_examples // divisor)


def is_nightly() -> bool:
    """Returns whether a test that goes through many days may go through all of them."""
    return settings().max_examples >= NIGHTLY_EXAMPLES
