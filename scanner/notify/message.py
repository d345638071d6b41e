"""What a notification says: the summary as a document for programs, and a few lines for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

#: What a message may take at SNS and, for one event, at EventBridge. Source: API reference of Publish and PutEvents.
MAX_BYTES = 256 * 1024 - 4096  # less some room for attributes and names
MAX_SUBJECT = 100  # characters, ASCII, on one line: API reference of SNS Publish
#: Members of the document that may be long, the least needed first.
_LONG_MEMBERS = ("not_asked", "notes", "gaps", "sink_failures")


class Message(Struct, frozen=True):
    """How a run ended. `key` stays the same where the same message is sent twice, so that receivers can drop one."""

    key: str
    status: str
    exit_code: int
    lines: Sequence[str]
    document: Mapping[str, object]

    @property
    def subject(self) -> str:
        text = f"patchsweep: {self.lines[0]}".encode("ascii", "replace").decode()
        return text if len(text) <= MAX_SUBJECT else f"{text[: MAX_SUBJECT - 3]}..."

    def body(self) -> bytes:
        """Returns the document as JSON of at most `MAX_BYTES`; what had to be left out is named in `left_out`."""
        document, left_out = dict(self.document), list[str]()
        for name in (*_LONG_MEMBERS, None):
            data = msgspec.json.encode({**document, "left_out": left_out} if left_out else document)
            if len(data) <= MAX_BYTES or name is None:
                return data
            if document.pop(name, None):
                left_out.append(name)
        raise AssertionError
