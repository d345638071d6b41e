from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from scanner.cli.settings.keys import KEYS
from scanner.cli.settings.load import load
from scanner.core.settings import Settings

CONFIG = Path(__file__).parent.parent / "config"
EXAMPLES = sorted(CONFIG.glob("*.toml"))
COMMENTED_KEY = re.compile(r"^# (\w+ = .+)$", re.MULTILINE)


def default_of(path):
    value = Settings()
    for name in path.split("."):
        value = getattr(value, name)
    return list(value) if isinstance(value, tuple) else value


def in_document(document, path):
    for name in path.split("."):
        document = document[name]
    return document


def test_there_are_examples():
    assert {path.name for path in EXAMPLES} >= {"patchsweep.toml", "nightly-organization.toml", "cve-sweep.toml"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_loads(path):
    load(str(path), {}, {})


def test_the_commented_file_changes_nothing():
    assert load(str(CONFIG / "patchsweep.toml"), {}, {}) == Settings()


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_the_commented_file_names_every_key_with_its_default(key):
    text = (CONFIG / "patchsweep.toml").read_text()
    default = default_of(key.path)
    if default is None:
        document = tomllib.loads(COMMENTED_KEY.sub(r"\1", text))
        assert in_document(document, key.path) is not None
    else:
        assert in_document(tomllib.loads(text), key.path) == default


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_the_commented_file_names_every_variable(key):
    assert re.search(rf"\b{key.variable}\b", (CONFIG / "patchsweep.toml").read_text())


def test_the_keys_shown_as_comments_load_too(tmp_path):
    path = tmp_path / "patchsweep.toml"
    path.write_text(COMMENTED_KEY.sub(r"\1", (CONFIG / "patchsweep.toml").read_text()))

    assert load(str(path), {}, {}).scope.role_name == "patchsweep-reader"
