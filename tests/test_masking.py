"""No secret of a URL is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.masking import masked


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://ann:p@ss/word@db/x", "postgresql://ann:***@db/x"),
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


@given(st.text(st.characters(codec="ascii", exclude_characters="?"), min_size=12))
def test_no_password_survives(password):
    assert password not in masked(f"postgresql://ann:{password}@db/x")
