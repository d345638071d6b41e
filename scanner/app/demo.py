"""`--demo`: the embedded simulated organization in the place of AWS."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import structs

from scanner.config import ScopeSettings, Settings
from scanner.simulator.build import make_world


def demo_settings(settings: Settings) -> Settings:
    """The settings with the scope that shows the whole demo organization, unless the user chose another."""
    return settings


@contextmanager
def demo_organization() -> Iterator[None]:
    yield
