"""What a shell offers after Tab: the values of a setting, and the ids of the scans in the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click
from click.shell_completion import CompletionItem

from scanner.cli.load_app import AppLoader
from scanner.cli.settings.keys import Key
from scanner.core.scope_rules import ACCOUNT_KEYWORDS, REGION_KEYWORDS
from scanner.core.state_names import PATCH_STATES

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

_WORDS = {
    "scope.accounts": ACCOUNT_KEYWORDS,
    "scope.regions": REGION_KEYWORDS,
    "patches.states": PATCH_STATES,
    "patches.severities": ("Critical", "Important", "Moderate", "Medium", "Low", "Unspecified"),
}
_FILES = frozenset({"summary", "store.location", "feeds.kev", "feeds.epss", "feeds.msrc", "feeds.osv", "check.waivers"})


def completer_of(key: Key) -> Completer | None:
    """Returns what completes the values of a setting; None where they are free."""
    if key.path in _FILES:
        return complete_file
    words = key.choices or tuple(_WORDS.get(key.path, ()))
    if not words:
        return None

    def complete(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        head, comma, last = incomplete.rpartition(",") if key.is_list else ("", "", incomplete)
        return [CompletionItem(head + comma + word) for word in words if word.lower().startswith(last.lower())]

    return complete


def complete_file(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Leaves the name to the shell's own completion of files."""
    return [CompletionItem(incomplete, type="file")]


def complete_scan_id(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Returns the ids of committed scans, the newest first, and `latest`."""
    return _offered(context, ["latest", *reversed(_scan_ids(context, is_committed=True))], incomplete)


def complete_unfinished(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Returns the ids of scans that can be resumed, the newest first."""
    return _offered(context, list(reversed(_scan_ids(context, is_committed=False))), incomplete)


def _offered(_context: click.Context, ids: Sequence[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(each) for each in ids if each.startswith(incomplete)]


def _scan_ids(context: click.Context, *, is_committed: bool) -> list[str]:
    """Returns the ids in the store that the words of the command line, the file and the variables name."""
    import anyio

    from scanner.cli.latest_options import settings_of_reader

    app: AppLoader = context.obj
    named = {name: value for name, value in context.params.items() if name.startswith("store__")}

    async def listed() -> list[str]:
        async with app().open_store(settings_of_reader(context.params.get("config"), named)) as store:
            return await (store.committed() if is_committed else store.unfinished())

    try:
        return anyio.run(listed)
    except Exception:  # noqa: BLE001 - whatever is wrong is said when the command is run, not in the middle of a word
        return []
