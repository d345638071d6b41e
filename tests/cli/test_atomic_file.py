from __future__ import annotations

import pytest

from scanner.cli.atomic_file import check_folder, write_file
from scanner.core.errors import ConfigError, PatchsweepError


def test_a_file_is_replaced_whole_and_nothing_lies_beside_it(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old and long")

    write_file(str(path), b"new")

    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_is_named_and_leaves_nothing_behind(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x").touch()

    with pytest.raises(PatchsweepError, match="folder cannot be written"):
        write_file(str(tmp_path / "folder"), b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("place", ["nowhere/a.json", "."])
def test_a_place_that_cannot_work_is_refused_beforehand(tmp_path, place, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigError, match="summary file"):
        check_folder(place)


def test_a_place_that_works_is_taken(tmp_path):
    check_folder(str(tmp_path / "a.json"))
