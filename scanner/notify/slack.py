"""The text of a Slack message."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

#: A text may have 40,000 characters; far fewer are read. Source: Slack, chat.postMessage.
MAX_CHARACTERS = 3_000


def slack_body(lines: Sequence[str]) -> bytes:
    """Returns the lines as the JSON that an incoming webhook takes, the first in bold.

    Slack takes `&`, `<` and `>` for its own mark-up: written as `&amp;` and so on, text from outside cannot mention
    people or hide a link. Source: Slack, "Formatting text for app surfaces".
    """
    first, *rest = (_escaped(line) for line in lines)
    text = "\n".join([f"*{first.replace('*', '')}*", *rest])
    return msgspec.json.encode({"text": text[:MAX_CHARACTERS]})


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
