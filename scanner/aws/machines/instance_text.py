"""Reads a page of EC2 DescribeInstances as text, if it has the form that EC2 writes.

Of 121 elements of an instance 40 are read, most of them tags. A tree of all takes 0.1 ms for each instance, which was a
twelfth of the CPU of a scan; this takes a third of that. An instance is cut at its brackets, and the names between them
say where the texts are that are read (see `instance_layout`). Those that have the names of many others are not even cut
out (see `frequent_layouts`), which takes a fifth. Everything else is refused, and read as a tree.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from scanner.aws.machines.frequent_layouts import FrequentLayouts
from scanner.aws.machines.instance_layout import SEPARATOR, UnusualError, layout_of, refuse
from scanner.aws.machines.instance_members import ID, INTERFACES, TAGS, instance_of
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
_FREQUENT = FrequentLayouts()
_TAG = re.compile("<item>[^<]*+<key>([^<]++)</key>[^<]*+<value>([^<]*+)</value>[^<]*+</item>")
_BRACKETS_A_TAG = 6


def read_text(body: bytes, frequent: FrequentLayouts = _FREQUENT) -> Page[Instance]:
    """Returns the instances of a page and the token of the next.

    Raises:
        UnusualError: the page has another form than EC2 writes, or members that cannot be read.
    """
    _check_form(body)
    head = body.find(_ID)
    if head < 0:
        raise UnusualError
    instances = []
    start = head + len(_ID)
    while (instance := _instance_at(body, start, frequent)) is not None:
        instances.append(instance[0])
        start = instance[1]
    last, ends, rest = body[start:].partition(_SET_ENDS)
    token = _token(body[:head] + _NO_INSTANCE + ends + rest)
    instances.append(_cut_instance(last + _NEXT_INSTANCE, frequent))
    return Page(instances, token)


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


def _instance_at(body: bytes, start: int, frequent: FrequentLayouts) -> tuple[Instance, int] | None:
    """Returns the instance whose id starts there, and where that of the next one does; None if there is no next one."""
    if found := frequent.find(body, start):
        return _instance([text.decode() for text in found.texts], found.tags.decode()), found.end
    end = body.find(_ID, start)
    return None if end < 0 else (_cut_instance(body[start:end], frequent), end + len(_ID))


def _cut_instance(written: bytes, frequent: FrequentLayouts) -> Instance:
    """Returns an instance from what comes after the start of its id and before that of the next."""
    text, _ = _emptied(written.decode(), INTERFACES)
    text, tags = _emptied(text, TAGS)
    parts = text.replace(">", SEPARATOR).split(SEPARATOR)
    layout = layout_of(SEPARATOR.join(parts[1::2]))
    parts[-1] = ""
    frequent.note(layout)
    return _instance(layout.take(parts), tags)


def _instance(texts: Sequence[str], tags: str) -> Instance:
    """Returns an instance from its texts, in the order of `TEXTS`, and what is in its list of tags, both as written."""
    instance = instance_of([_unescaped(text) if "&" in text else text for text in texts], _tags(tags))
    if not instance.instance_id:
        raise UnusualError
    return instance


def _emptied(text: str, name: str) -> tuple[str, str]:
    """Returns the text with the first element of this name empty, and what was in it."""
    before, opens, rest = text.partition(f"<{name}>")
    inside, closes, after = rest.partition(f"</{name}>")
    if opens and not closes:
        raise UnusualError
    return f"{before}{opens}{closes}{after}", inside


def _tags(text: str) -> Tags:
    tags = _plain_tags(text)
    if tags is None:
        tags = _plain_tags(text.replace("<value/>", "<value></value>"))
    if tags is None:
        raise UnusualError
    if "&" in text:
        return tuple([(_unescaped(key), _unescaped(value)) for key, value in tags])
    return tuple(tags)


def _plain_tags(text: str) -> list[tuple[str, str]] | None:
    """Returns the keys and values of a list of tags, None if it has anything else."""
    tags: list[tuple[str, str]] = _TAG.findall(text)
    return tags if text.count("<") == len(tags) * _BRACKETS_A_TAG else None


def _unescaped(text: str) -> str:
    for entity, character in _ENTITIES.items():
        text = text.replace(entity, character)
    return text
