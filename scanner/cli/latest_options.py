"""The options that say of which scope and filters the latest scan has to be, for every command that reads a scan."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from scanner.cli.options import section, settings_of
from scanner.cli.settings.keys import KEYS
from scanner.core.errors import ConfigError
from scanner.core.settings import Settings

#: What a scan is asked for besides its store: the settings by which two scans can be compared.
LATEST: dict[str, tuple[str, str]] = {
    "scope.accounts": ("LIST", "The latest scan of these accounts: current, organization, or ids."),
    "scope.exclude_accounts": ("IDS", "… that left these accounts out."),
    "scope.ous": ("IDS", "… of these organizational units."),
    "scope.exclude_ous": ("IDS", "… that left these units out."),
    "scope.regions": ("LIST", "… of these Regions: current, enabled, or names."),
    "scope.exclude_regions": ("NAMES", "… that left these Regions out."),
    "nodes.tags": ("KEY=VALUE", "… of nodes with this tag. Repeatable."),
    "nodes.platform_types": ("LIST", "… of these platforms."),
    "nodes.ping_statuses": ("LIST", "… of nodes in these ping statuses."),
    "patches.states": ("LIST", "… of patches in these states."),
    "patches.severities": ("LIST", "… of these severities."),
    "patches.classifications": ("LIST", "… of these classifications."),
    "patches.kb_ids": ("LIST", "… of these KB ids or package names."),
}
#: What stands for the scan that these options choose.
_CHOSEN_BY_SCOPE = frozenset({None, "latest", "all"})
#: Taken where no role is named: whoever reads a store assumes none.
_NO_ROLE = {"scope.role_name": "not-assumed"}

_F = TypeVar("_F", bound=Callable[..., object])


def latest_options(command: _F) -> _F:
    """Adds the options of a scan's scope and filters; they choose among scans, and leave no rows out."""
    # No default is shown: without any of these, the latest is the newest scan of all.
    return section("Which scan (as it was asked for; leaves no rows out)", LATEST, shows_defaults=False)(command)


def named_options(given: dict[str, object]) -> list[str]:
    """Returns those of the options of `latest_options` that were given."""
    return [KEYS[path].option for path in LATEST if given.get(path.replace(".", "__")) not in (None, ())]


def settings_of_reader(config: str | None, given: dict[str, object], *asked: str | None) -> Settings:
    """Returns the settings of a command that reads stored scans and calls nothing of the accounts in its scope.

    Args:
        config: as in `settings_of`.
        given: as in `settings_of`.
        asked: the scans that the command line names, each an id, `latest`, `all` or None.

    Raises:
        ConfigError: all that is wrong, a line each.
    """
    ids = [each for each in asked if each not in _CHOSEN_BY_SCOPE]
    if ids and (named := named_options(given)):
        raise ConfigError(
            f"{', '.join(named)}: these options choose the latest scan of a scope, but {ids[0]} is named; "
            "leave one of the two out"
        )
    return settings_of(config, given, assumed=_NO_ROLE)
