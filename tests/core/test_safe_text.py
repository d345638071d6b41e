"""Text from outside cannot take over a terminal or a spreadsheet, and shows no secret."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.core.safe_text import (
    mask_foreign_text,
    mask_secrets,
    safe_cell,
    terminal_json,
    terminal_lines,
    terminal_text,
)


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "\tx",
        "\rx",
        "\nx",
        "\uff1d1+1",
        "\uff0b1",
        "\uff0d1",
        "\uff20SUM(A1)",
        " =1",
        "\u00a0=1",
        "\u3000=1",
        "\u200b=1",
        "\ufeff=1",
        "\u2060=1",
        " \ufeff\u00a0\u200b@x",
        "\0=1",
        "\x7f=1",
        "\0\nx",
        " \tx",
        "\x1f\u200b\rx",
    ],
)
def test_a_formula_becomes_text(text):
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "KB5001", "a=b", "1-2", "'=1", " x", "\u00a0x=1", "\u4e00=1"])
def test_other_text_stays_as_it_is(text):
    assert safe_cell(text) == text


@given(st.text() | st.text("\0\x1f\x7f\u200b\u00a0 \t\r\n=-x'", max_size=5))
def test_no_cell_starts_a_formula_and_none_loses_text(text):
    cell = safe_cell(text)
    assert not cell.lstrip("\u200b\ufeff\u00a0 \x00\x1f\x7f").startswith(tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"))
    assert cell.removeprefix("'") == text.removeprefix("'") or cell == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x00\x7f\x9b", "\\x00\\x7f\\x9b"),
        ("user\u202etxt.exe", "user\\u202etxt.exe"),
        ("line\u2028break", "line\\u2028break"),
        ("Größe 漢字 🙂", "Größe 漢字 🙂"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("\u2060\u2061\u2062\u2063\u2064", "\\u2060\\u2061\\u2062\\u2063\\u2064"),
        ("tag\U000e0041\U000e007f", "tag\\U000e0041\\U000e007f"),
        ("half \ud83d", "half \\ud83d"),
        ("سی‌اس 👩‍💻", "سی‌اس 👩‍💻"),
    ],
)
def test_control_characters_are_shown_and_not_obeyed(text, shown):
    assert terminal_text(text) == shown


@given(st.text())
def test_every_text_fits_on_one_line_of_a_terminal(text):
    assert len(terminal_text(text).splitlines()) <= 1
    assert not any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in terminal_text(text))
    terminal_text(text).encode()


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_for_a_terminal_says_the_same_and_shows_what_would_be_obeyed(text):
    shown = terminal_json(json.dumps([text], ensure_ascii=False))
    assert json.loads(shown) == [text]
    assert terminal_text(shown) == shown


def test_json_for_a_terminal_writes_half_of_the_tags_as_json_does():
    assert terminal_json('"\U000e0041\x9b\x7f"') == '"\\udb40\\udc41\\u009b\\u007f"'


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://ann:p@ss/word@db/x", "postgresql://ann:***@db/x"),
        ("postgresql://ann:p?ss@db/x?y=1", "postgresql://ann:***@db/x?y=1"),
        ("postgresql://ann:p?s/s@db/x", "postgresql://ann:***@db/x"),
        ("postgresql://[::1]:5432/x?user=a@b", "postgresql://[::1]:5432/x?user=a@b"),
        ("postgresql://postgres@db/postgres", "postgresql://postgres@db/postgres"),
        ("https://t0ken@splunk/x", "https://***@splunk/x"),
        ("https://h/x?pwd=s3cret&api_key=t0ken&user=ann", "https://h/x?pwd=***&api_key=***&user=ann"),
        ("see https://h/x?token=t0ken for more", "see https://h/x?token=*** for more"),
        ("jsonl:-", "jsonl:-"),
        ("parquet:s3://bucket/a:b", "parquet:s3://bucket/a:b"),
        ("csv:/a@b:c/d", "csv:/a@b:c/d"),
        ("postgresql://db:5432/x?user=a@b", "postgresql://db:5432/x?user=a@b"),
    ],
)
def test_secrets_are_masked_and_the_rest_is_kept(text, shown):
    assert mask_secrets(text) == shown


def test_a_text_that_quotes_a_secret_of_another_is_masked_too():
    assert mask_secrets("no such user: s3cret", secrets_of="postgresql://ann:s3cret@db/x") == "no such user: ***"


def test_a_secret_is_masked_as_it_is_written_and_as_it_is_meant():
    url = "postgresql://ann:p%40ss@db/x"
    assert mask_secrets('no such user: p@ss, "p%40ss"', secrets_of=url) == 'no such user: ***, "***"'


@given(st.text(st.characters(codec="ascii", exclude_characters="?"), min_size=12))
def test_no_password_survives(password):
    assert password not in mask_secrets(f"postgresql://ann:{password}@db/x")


def test_lines_for_a_terminal_keep_their_ends_and_nothing_else():
    assert terminal_lines("a\x1b[2J\nb\tc\r\n") == "a\\x1b[2J\nb\\tc\\r\n"


@pytest.mark.parametrize(
    "text",
    [
        "Failed to parse: http://ann:pa/ss@127.0.0.1:3128",
        "Port could not be cast to integer value as 'pa'",
        "cannot connect to proxy http://ann:pa%2Fss@127.0.0.1:3128, mail admin@example.com",
        "user ann, password pa/ss refused",
        "nonnumeric port: 'pa'",
    ],
)
def test_the_password_of_a_proxy_is_masked_whole_and_in_parts(text):
    masked = mask_foreign_text(text, {"HTTPS_PROXY": "http://ann:pa/ss@127.0.0.1:3128"})

    assert "pa/ss" not in masked
    assert "pa%2Fss" not in masked
    assert "'pa'" not in masked
    assert "***" in masked


def test_a_text_without_secrets_is_not_changed_by_masking():
    text = "see https://docs.example.com/a?b=c, ask admin@example.com: 5 of 7 paths"
    assert mask_foreign_text(text, {"https_proxy": "http://ann:pa@127.0.0.1:3128"}) == text
