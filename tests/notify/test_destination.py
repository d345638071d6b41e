from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.core.errors import ConfigError
from scanner.core.safe_text import mask_destination
from scanner.notify.destination import parse_destination

TOPIC = "sns:arn:aws-us-gov:sns:us-gov-west-1:111122223333:patch-alarms"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (TOPIC, TOPIC),
        ("eventbridge:default", "eventbridge:default"),
        ("slack:https://hooks.slack.com/services/T/B/x", "slack:https://hooks.slack.com/***"),
        ("webhook:https://host:8443/a?token=b", "webhook:https://host:8443/***"),
        ("webhook:http://[::1]:80", "webhook:http://[::1]:80"),
    ],
)
def test_a_label_shows_no_secret(text, label):
    assert parse_destination(text).label == label


@pytest.mark.parametrize(
    "text",
    [
        "",
        "slack",
        "teams:https://example.com/x",
        "sns:patch-alarms",
        "eventbridge:",
        "webhook:ftp://host/hunter2",
        "webhook:https:///hunter2",
        "webhook:https://host:nan/hunter2",
        "webhook:https://user:hunter2@host/",
        "webhook:https://a..b/hunter2",
        f"webhook:https://{'a' * 64}.example/hunter2",
        "slack:http://hooks.slack.com/hunter2",
        "https://hooks.slack.com/services/hunter2",
        "hunter2",
    ],
)
def test_what_cannot_work_is_refused_without_quoting_a_secret(text):
    with pytest.raises(ConfigError) as caught:
        parse_destination(text)
    assert "hunter2" not in str(caught.value)


def test_the_region_is_that_of_the_arn():
    assert parse_destination(TOPIC).region == "us-gov-west-1"
    assert parse_destination("eventbridge:arn:aws:events:eu-west-1:111122223333:event-bus/a").region == "eu-west-1"
    assert parse_destination("eventbridge:default").region is None


@given(st.text(st.characters(categories=["L", "N"], include_characters="/?#&=@:"), min_size=1))
def test_a_path_is_masked_whatever_is_in_it(path):
    assert mask_destination(f"slack:https://hooks.slack.com/{path}hunter2") == "slack:https://hooks.slack.com/***"
