"""Where a notification goes, parsed from what the user wrote."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from scanner.core.did_you_mean import did_you_mean
from scanner.core.errors import ConfigError
from scanner.core.safe_text import mask_destination

Kind = Literal["sns", "eventbridge", "webhook", "slack"]
KINDS: dict[str, Kind] = {"sns": "sns", "eventbridge": "eventbridge", "webhook": "webhook", "slack": "slack"}

_TOPIC = re.compile(r"arn:[\w-]+:sns:(?P<region>[a-z0-9-]+):\d{12}:[\w-]{1,256}(\.fifo)?")
#: A bus by name in the Region of the run, or by its ARN. Source: EventBridge API, PutEventsRequestEntry.
_BUS = re.compile(r"(arn:[\w-]+:events:(?P<region>[a-z0-9-]+):\d{12}:event-bus/)?[/.\-\w]{1,256}")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Destination(Struct, frozen=True):
    """One destination; `where` may be a secret, `label` never is."""

    kind: Kind
    where: str

    @property
    def label(self) -> str:
        return mask_destination(f"{self.kind}:{self.where}")

    @property
    def region(self) -> str | None:
        """Returns the Region that an ARN names."""
        pattern = _TOPIC if self.kind == "sns" else _BUS
        match = pattern.fullmatch(self.where)
        return match["region"] if match else None


def by_label(texts: Sequence[str]) -> dict[str, Destination]:
    """Returns the destinations, each once, by what names it in messages.

    Without their secrets two may look alike, such as two incoming webhooks of Slack; then their place in the list tells
    them apart.

    Raises:
        ConfigError: one cannot work.
    """
    destinations = {text: parse_destination(text) for text in texts}
    times = Counter(each.label for each in destinations.values())
    return {
        each.label if times[each.label] == 1 else f"{each.label} (no. {texts.index(text) + 1} of notify.to)": each
        for text, each in destinations.items()
    }


def parse_destination(text: str) -> Destination:
    """Returns the destination that is written as `kind:where`.

    Raises:
        ConfigError: it cannot work; the message shows no more of it than is no secret.
    """
    name, colon, where = text.strip().partition(":")
    kind = KINDS.get(name.lower())
    if kind is None or not colon:
        known = ", ".join(f"{each}:…" for each in KINDS)
        shown = name if colon and name.isidentifier() else "that"
        raise ConfigError(f"{shown!r} is not a kind of notification; use {known}{did_you_mean(name, KINDS)}")
    destination = Destination(kind, where)
    problem = _problem(destination)
    if problem is not None:
        raise ConfigError(f"{destination.label}: {problem}")
    return destination


def _problem(destination: Destination) -> str | None:
    where = destination.where
    if destination.kind == "sns":
        return None if _TOPIC.fullmatch(where) else "expected the ARN of a topic, sns:arn:aws:sns:REGION:ACCOUNT:NAME"
    if destination.kind == "eventbridge":
        return None if _BUS.fullmatch(where) else "expected the name or the ARN of an event bus"
    return _url_problem(where, is_slack=destination.kind == "slack")


def _url_problem(url: str, *, is_slack: bool) -> str | None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        (host or "").encode("idna")  # as the look-up of its address does; an empty or long label fails there
    except ValueError:
        return "expected a URL such as https://host/path"
    if parts.scheme not in ("http", "https") or not host or any(char.isspace() for char in url):
        return "expected a URL such as https://host/path"
    if parts.username is not None or parts.password is not None:
        return "a URL with a user or password is not taken; put the secret into the path, or sign with webhook_secret"
    if is_slack and parts.scheme == "http" and host not in _LOOPBACK:
        return "the URL of a Slack webhook begins with https://"
    return None
