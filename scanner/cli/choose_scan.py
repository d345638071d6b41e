"""Chooses the committed scan that a command answers from, and says on stderr what the user should know of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scanner.cli.output import print_note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scanner.core.settings import Settings
    from scanner.store.store import Store


async def chosen_scan(store: Store, settings: Settings, asked: str | None) -> str:
    """Returns the id of the committed scan that an id, `latest` or None (also the latest) means.

    Where the settings name a scope or filters, the latest is the newest scan of these. Otherwise it is the newest of
    all, and a wider one of the last days is named on stderr.

    Raises:
        ScanNotFound: there is none.
    """
    chosen = await store.choose(asked, settings)
    if chosen.note is not None:
        print_note(chosen.note)
    return chosen.scan_id


async def note_mixed_scopes(store: Store, scan_ids: Sequence[str]) -> None:
    """Says on stderr that these scans differ in scope or filters, where they do."""
    first, *others = (await store.scopes(scan_ids)).values()
    if any(each != first for each in others):
        print_note(f"these {len(scan_ids)} scans differ in scope or filters; see: patchsweep scans")
