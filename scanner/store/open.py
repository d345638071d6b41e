"""Opens the store that the settings name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from scanner.core.settings import Settings
from scanner.files.open import open_places
from scanner.store.store import Store


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """Opens the store that the settings name.

    Raises:
        ConfigError: its location cannot be used.
    """
    location = settings.store.location
    async with open_places([location], settings) as files:
        yield Store(files(location), settings.store.lease_s)
