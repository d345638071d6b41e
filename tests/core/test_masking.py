"""No secret of a URL is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.core.masking import masked


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
    assert masked(text) == shown


def test_a_text_that_quotes_a_secret_of_another_is_masked_too():
    assert masked("no such user: s3cret", secrets_of="postgresql://ann:s3cret@db/x") == "no such user: ***"


def test_a_secret_is_masked_as_it_is_written_and_as_it_is_meant():
    url = "postgresql://ann:p%40ss@db/x"
    assert masked('no such user: p@ss, "p%40ss"', secrets_of=url) == 'no such user: ***, "***"'


@given(st.text(st.characters(codec="ascii", exclude_characters="?"), min_size=12))
def test_no_password_survives(password):
    assert password not in masked(f"postgresql://ann:{password}@db/x")
