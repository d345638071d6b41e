"""How a sink is named, and that its password is named nowhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.core.errors import ConfigError
from scanner.sinks.spec import parse_spec


@pytest.mark.parametrize(
    ("text", "kind", "where"),
    [
        ("jsonl:-", "jsonl", "-"),
        ("csv:/var/reports", "csv", "/var/reports"),
        ("parquet:s3://bucket/prefix", "parquet", "s3://bucket/prefix"),
        ("duckdb:a:b.duckdb", "duckdb", "a:b.duckdb"),
        ("postgresql://db/patches", "postgresql", "postgresql://db/patches"),
    ],
)
def test_a_spec_has_a_type_and_a_place(text, kind, where):
    spec = parse_spec(text)
    assert (spec.type, spec.where) == (kind, where)
    assert spec.label == text


@pytest.mark.parametrize("text", ["", "jsonl", "jsonl:", ":-", "s3 bucket:x", "C:\\data"])
def test_what_is_no_spec_is_refused_in_one_sentence_that_shows_the_form(text):
    with pytest.raises(ConfigError, match=r"type:where, like jsonl:-"):
        parse_spec(text)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("postgresql://ann:s3cret@db:5432/x", "postgresql://ann:***@db:5432/x"),
        ("postgresql://ann:p@ss/word@db/x", "postgresql://ann:***@db/x"),
        ("hec:https://t0ken@splunk/x", "hec:https://***@splunk/x"),
        (
            "postgresql://db/x?user=ann&password=s3cret&sslmode=require",
            "postgresql://db/x?user=ann&password=***&sslmode=require",
        ),
        ("webhook:https://h/x?api_key=s3cret&access_token=t0ken", "webhook:https://h/x?api_key=***&access_token=***"),
    ],
)
def test_a_secret_is_masked_wherever_the_spec_is_shown(text, label):
    spec = parse_spec(text)
    assert spec.label == label
    assert str(spec) == label
    assert repr(spec) == f"SinkSpec({label!r})"
    assert f"{spec}" == label


def test_a_secret_is_masked_in_a_text_that_quotes_it():
    spec = parse_spec("postgresql://ann:s3cret@db/x")
    assert spec.redacted('no password "s3cret" for ann') == 'no password "***" for ann'


def test_a_spec_that_cannot_be_read_does_not_give_its_secret_away():
    with pytest.raises(ConfigError) as caught:
        parse_spec("PostgreSQL://ann:s3cret@db/x")
    assert "s3cret" not in str(caught.value)


@given(st.text(st.characters(codec="ascii", exclude_characters="?"), min_size=12))
def test_no_password_survives_in_a_label(password):
    assert password not in parse_spec(f"postgresql://ann:{password}@db/x").label
