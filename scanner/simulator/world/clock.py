"""The simulator's time, injected so that tests own it."""

from __future__ import annotations

from collections.abc import Callable

Clock = Callable[[], float]
"""Seconds since the epoch, as `time.time`."""
