"""Settings from their layers: defaults, then the TOML file, then `PATCHSWEEP_*` variables, then options."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from types import MappingProxyType

import msgspec
from msgspec import Struct

from scanner.cli.settings.keys import CONFIG_VARIABLE, KEYS, PREFIX, SECRETS, SECTIONS, VARIABLES, Key, is_service_link
from scanner.cli.settings.toml_file import read_toml
from scanner.cli.settings.validate import problems
from scanner.core.did_you_mean import did_you_mean
from scanner.core.errors import ConfigError
from scanner.core.settings import LimitSettings, Settings
from scanner.core.state_names import documented_state

_WANTED: tuple[tuple[object, str], ...] = (
    (float, "a number"),
    (int, "a whole number"),
    (bool | None, "true or false"),
    (int | None, "a whole number"),
    (str, "a text"),
    (str | None, "a text"),
)
_TRUTH = {"yes": "true", "on": "true", "no": "false", "off": "false"}


class Given(Struct, frozen=True):
    """One value that one layer gives; `where` names the file, variable or option as the user knows it."""

    key: Key
    value: object
    where: str


def load(
    config: str | None,
    environ: Mapping[str, str],
    options: Mapping[str, object],
    assumed: Mapping[str, object] = MappingProxyType({}),
) -> Settings:
    """Returns the settings of a run; raises as `load_with_origins` does."""
    return load_with_origins(config, environ, options, assumed).settings


class Loaded(Struct, frozen=True):
    """Settings, and for each dotted key that a layer gave the file, variable or option as the user knows it."""

    settings: Settings
    origins: dict[str, str]


def load_with_origins(
    config: str | None,
    environ: Mapping[str, str],
    options: Mapping[str, object],
    assumed: Mapping[str, object] = MappingProxyType({}),
) -> Loaded:
    """Returns the settings of a run with their origins, the later layer winning key by key.

    Args:
        config: The TOML file, or None for the one that `PATCHSWEEP_CONFIG` names, or none at all.
        environ: The environment; an empty variable counts as not set.
        options: What the command line gave, by dotted key; None counts as not given.
        assumed: What is taken where no layer says otherwise, by dotted key and typed.

    Raises:
        ConfigError: One line for each thing that is wrong, in every layer, overridden ones too.
    """
    lines: list[str] = []
    given = [
        *file_values(config or environ.get(CONFIG_VARIABLE) or None, lines),
        *variable_values(environ, lines),
        *option_values(options),
    ]
    values = dict(assumed)
    origins: dict[str, str] = {}
    for item in given:
        try:
            values[item.key.path] = typed(item.key, item.value)
            origins[item.key.path] = item.where
        except ValueError as error:
            lines.append(f"{item.where}: {error}")
    settings = assemble(_fitted(values))
    lines += problems(settings, lambda path: origins.get(path, path))
    if lines:
        raise ConfigError("\n".join(dict.fromkeys(lines)))
    return Loaded(settings, origins)


def _fitted(values: Mapping[str, object]) -> dict[str, object]:
    # A ceiling below the default start rate lowers the start too: the user set only one of them.
    ceiling = values.get("limits.max_rate_per_s")
    if not isinstance(ceiling, float):
        return dict(values)
    default = LimitSettings()
    lowered = {"limits.rate_per_s": default.rate_per_s, "limits.min_rate_per_s": default.min_rate_per_s}
    return {**{path: min(rate, ceiling) for path, rate in lowered.items()}, **values}


def assemble(values: Mapping[str, object]) -> Settings:
    """Returns settings with these typed values by dotted key, defaults elsewhere."""
    return reduce(lambda settings, path: _replaced(settings, path, values[path]), values, Settings())


def _replaced(settings: Settings, path: str, value: object) -> Settings:
    section, _, name = path.rpartition(".")
    if not section:
        return msgspec.structs.replace(settings, **{name: value})
    changed = msgspec.structs.replace(getattr(settings, section), **{name: value})
    return msgspec.structs.replace(settings, **{section: changed})


def file_values(path: str | None, lines: list[str]) -> list[Given]:
    """Returns what the TOML file gives, its unknown keys and faults of form appended to `lines`."""
    if path is None:
        return []
    try:
        document = read_toml(path)
    except ConfigError as error:
        lines.append(str(error))
        return []
    return list(_known(document, path, lines))


def _known(document: Mapping[str, object], path: str, lines: list[str]) -> Iterator[Given]:
    for name, value in _flat(document):
        if name in KEYS:
            yield Given(KEYS[name], value, f"{path}: {name}")
        elif name in SECTIONS:
            lines.append(f"{path}: {name} is a section and is written as the table [{name}]")
        else:
            lines.append(f"{path}: {name} is not a setting{did_you_mean(name, KEYS)}")


def _flat(document: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in document.items():
        if isinstance(value, dict) and (name in SECTIONS or name not in KEYS):
            yield from ((f"{name}.{inner}", inner_value) for inner, inner_value in value.items())
        else:
            yield name, value


def variable_values(environ: Mapping[str, str], lines: list[str]) -> list[Given]:
    """Returns what the environment gives, its unknown `PATCHSWEEP_` variables appended to `lines`."""
    ours = sorted(
        name for name in environ if name.startswith(PREFIX) and name != CONFIG_VARIABLE and not is_service_link(name)
    )
    lines += [f"{name} is not a setting{did_you_mean(name, VARIABLES)}" for name in ours if name not in VARIABLES]
    keys = [(VARIABLES[name], environ[name]) for name in ours if name in VARIABLES and environ[name]]
    return [Given(key, text, f"{key.variable} ({key.path})") for key, text in keys]


def option_values(options: Mapping[str, object]) -> list[Given]:
    """Returns what the command line gives, by dotted key; a repeatable option that was not given is an empty tuple."""
    given = ((KEYS[path], value) for path, value in options.items() if value not in (None, ()))
    return [Given(key, value, f"{key.option} ({key.path})") for key, value in given]


def typed(key: Key, value: object) -> object:
    """Returns the value in the key's type.

    A list may be one text, its values separated by `key.separator`; names out of a closed set come in any case.

    Raises:
        ValueError: It does not fit; the text says what was expected.
    """
    if key.is_table:
        value = _table(key, value)
    elif key.is_list:
        value = [_canonical(key, item) for item in _items(value, key.separator)]
    elif key.kind != str | None:
        value = _canonical(key, value)
    try:
        return msgspec.convert(value, key.kind, strict=not isinstance(value, str))
    except msgspec.ValidationError:
        raise _misfit(key, value) from None


def _items(value: object, separator: str) -> Sequence[object]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(separator) if part.strip()]
    return value if isinstance(value, (list, tuple)) else [value]


def _canonical(key: Key, value: object) -> object:
    if not isinstance(value, str):
        return value
    if key.path == "patches.states":
        return documented_state(value)
    if key.kind == bool | None:
        return _TRUTH.get(value.lower(), value.lower())
    return next((choice for choice in key.choices if choice.lower() == value.lower()), value)


def _table(key: Key, value: object) -> dict[str, list[object]]:
    if isinstance(value, dict):
        return {name: list(_items(values, ",")) for name, values in value.items()}
    table: dict[str, list[object]] = {}
    for item in _items(value, key.separator):
        name, equals, values = str(item).partition("=")
        if not (name and equals and values):
            raise ValueError(f"expected KEY=VALUE, got {_quoted(item)}")
        table.setdefault(name.strip(), []).extend(_items(values, ","))
    return table


def _misfit(key: Key, value: object) -> ValueError:
    values = value if isinstance(value, list) else [value]
    wrong = [item for item in values if not isinstance(item, str) or (key.choices and item not in key.choices)]
    got = "" if key.path in SECRETS else ", got " + ", ".join(map(_quoted, wrong or values))
    quotes = "; write account ids in quotes" if key.path.endswith("accounts") and isinstance(wrong[0], int) else ""
    return ValueError(f"expected {wanted(key)}{got}{quotes}")


def wanted(key: Key) -> str:
    """Returns what the key takes, in words, like `a number` or `one of full, delta`."""
    if key.choices:
        return f"{'any' if key.is_list else 'one'} of {', '.join(key.choices)}"
    if key.is_table:
        return "for each name a list of texts"
    return "a list of texts" if key.is_list else next(words for kind, words in _WANTED if kind == key.kind)


def _quoted(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, default=str)
