"""Reads a page of EC2 DescribeInstances as text, if it has the form that EC2 writes.

Of 121 elements of an instance 40 are read, most of them tags. A tree of all takes 0.1 ms for each instance, which was a
twelfth of the CPU of a scan; this takes a third of that. The page is cut at its brackets, and the names between them
say where the texts are that are read (see `instance_layout`). Everything else is refused, and read as a tree.
"""

from __future__ import annotations

import re

from scanner.aws.machines.instance_layout import ID, SEPARATOR, UnusualError, layout_of, refuse
from scanner.aws.machines.instance_members import TAGS, instance_of
from scanner.aws.machines.instance_tree import instance_items, reservations_of, root_of, token_of
from scanner.aws.requests.pagination import Page
from scanner.core.errors import Transient
from scanner.core.instances import Instance, Tags

#: Every byte but brackets, and but controls that XML forbids or changes: a parser reads a carriage return as a line
#: feed.
_PLAIN = bytes({*b"\t\n", *range(0x20, 0x100)} - {*b"<>"})
_NO_CHARACTERS = (b"\xef\xbf\xbe", b"\xef\xbf\xbf")  # U+FFFE and U+FFFF
_OTHER_ENCODING = re.compile(rb"encoding=(?!.utf-8.)", re.IGNORECASE)
_HEAD_BYTES = 200  # the declaration stands at the very beginning
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&amp;": "&"}  # an ampersand comes last
_ID = f"<{ID}>".encode()
_SET_ENDS = b"</reservationSet>"
_NEXT_INSTANCE = b"<item><instancesSet><item>"
_NO_INSTANCE = f"<{ID}/></item></instancesSet></item>".encode()
_INTERFACES = ("<networkInterfaceSet>", "</networkInterfaceSet>")  # a third of an instance, of which nothing is read
_TAGS = (f"<{TAGS}>", f"</{TAGS}>")
_TAG = re.compile(r"<item>\s*<key>([^<]+)</key>\s*<value(?:/>|>([^<]*)</value>)\s*</item>")


def read_text(body: bytes) -> Page[Instance]:
    """Returns the instances of a page and the token of the next.

    Raises:
        UnusualError: the page has another form than EC2 writes, or members that cannot be read.
    """
    _check_form(body)
    head, *items = body.split(_ID)
    if not items:
        raise UnusualError
    items[-1], ends, rest = items[-1].partition(_SET_ENDS)
    token = _token(head + _NO_INSTANCE + ends + rest)
    items[-1] += _NEXT_INSTANCE
    return Page([_instance(item.decode()) for item in items], token)


def _check_form(body: bytes) -> None:
    """Refuses what cannot be cut at its brackets: raw ones, other encodings, controls, and references to characters."""
    brackets = body.translate(None, _PLAIN)
    is_plain = (
        brackets == b"<>" * (len(brackets) // 2)
        and not _OTHER_ENCODING.search(body, 0, _HEAD_BYTES)
        and (body.isascii() or _is_utf8(body))
        and (b"&" not in body or body.count(b"&") == sum(body.count(entity.encode()) for entity in _ENTITIES))
    )
    if not is_plain:
        raise UnusualError


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return not any(sequence in body for sequence in _NO_CHARACTERS)


def _token(page: bytes) -> str | None:
    """Returns the token of the next page, from an answer with nothing but the id of its first instance."""
    try:
        root = root_of(page)
        instances = list(instance_items(reservations_of(root), refuse))
        if len(instances) == 1 and len(instances[0]) == 1:
            return token_of(root)
    except Transient as torn:
        raise UnusualError from torn
    raise UnusualError


def _instance(text: str) -> Instance:
    """Returns an instance from what comes after the start of its id and before that of the next."""
    text, _ = _emptied(text, *_INTERFACES)
    text, tags = _emptied(text, *_TAGS)
    parts = text.replace(">", SEPARATOR).split(SEPARATOR)
    layout = layout_of(SEPARATOR.join(parts[1::2]))
    parts[-1] = ""
    texts = dict(zip(layout.names, layout.texts(parts), strict=True))
    if "&" in text:
        texts = {name: _unescaped(value) for name, value in texts.items()}
    instance_id = texts[ID].strip()
    if not instance_id:
        raise UnusualError
    return instance_of(instance_id, texts, _tags(tags))


def _emptied(text: str, opens: str, closes: str) -> tuple[str, str]:
    """Returns the text with the first such element empty, and what was in it."""
    start = text.find(opens)
    if start < 0:
        return text, ""
    start += len(opens)
    end = text.find(closes, start)
    if end < 0:
        raise UnusualError
    return text[:start] + text[end:], text[start:end]


def _tags(text: str) -> Tags:
    tags: list[tuple[str, str]] = _TAG.findall(text)
    # Each tag has three elements, so what is left over is a tag of another form.
    if text.count("<") != 6 * len(tags) - text.count("/>"):
        raise UnusualError
    if "&" in text:
        return tuple([(_unescaped(key), _unescaped(value)) for key, value in tags])
    return tuple(tags)


def _unescaped(text: str) -> str:
    if "&" in text:
        for entity, character in _ENTITIES.items():
            text = text.replace(entity, character)
    return text
