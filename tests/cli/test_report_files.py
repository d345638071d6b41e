"""The files of a split report: one name a value, and none that leaves the folder."""

from __future__ import annotations

from pathlib import PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.cli.report_files import MOST_FILES, check_folder, file_names
from scanner.core.errors import ConfigError


def test_files_are_named_after_the_values_and_machines_without_one_are_in_untagged():
    assert file_names(["payments", "Web Team", None]) == {
        "payments": "payments.html",
        "Web Team": "Web-Team.html",
        None: "untagged.html",
    }


def test_files_of_another_kind_end_as_it_does():
    assert file_names(["payments"], ".csv") == {"payments": "payments.csv"}


@pytest.mark.parametrize("values", [["a b", "a/b"], ["Team", "team"], ["untagged", None], ["", "..", "😀"]])
def test_values_that_would_share_a_name_get_one_each(values):
    names = file_names(values)

    assert len({name.casefold() for name in names.values()}) == len(values)
    assert names.get(None, "untagged.html") == "untagged.html"


def test_a_value_that_looks_like_the_name_of_another_does_not_take_it():
    names = file_names(["a b", "a/b"])

    values = ["a b", "a/b", *(name.removesuffix(".html") for name in names.values())]

    assert len(set(file_names(values).values())) == len(values)


@given(st.lists(st.none() | st.text(max_size=300), unique=True, max_size=8))
def test_no_name_leaves_the_folder_or_is_taken_twice(values):
    names = file_names(values)

    assert [*names] == values
    assert len({name.casefold() for name in names.values()}) == len(values)
    for name in names.values():
        assert PurePath(name).name == name
        assert name.isascii()
        assert not name.startswith((".", "-"))
        assert len(name) < 128


def test_a_report_is_not_split_into_more_files_than_a_person_would_open():
    with pytest.raises(ConfigError, match="1,001 values"):
        file_names([str(number) for number in range(MOST_FILES + 1)])


def test_the_folder_is_made_for_its_owner_only(tmp_path):
    check_folder(str(tmp_path / "a" / "b"))

    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_a_file_in_the_folders_place_is_a_sentence(tmp_path):
    (tmp_path / "x").write_text("mine")

    with pytest.raises(ConfigError, match="cannot be made: File exists"):
        check_folder(str(tmp_path / "x"))
