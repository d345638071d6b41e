"""Reads a page of EC2 DescribeInstances as text, if it has the form that EC2 writes.

Of 121 elements of an instance 40 are read, most of them tags. A tree of all takes 0.05 ms for each instance, which was
4 % of the CPU of a scan; finding the texts takes about half of that. A text is taken only where what comes before it
shows that it belongs to the instance itself: between members that are read, each element that opens is closed.
Everything else is refused, and read as a tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from scanner.aws.machines.instance_members import MEMBERS, TAGS, instance_of
from scanner.aws.machines.instance_tree import reservations_of, root_of, token_of
from scanner.aws.requests.pagination import Page
from scanner.core.errors import Transient
from scanner.core.instances import Instance, Tags

#: Every byte but controls that XML forbids or changes: a parser reads a carriage return as a line feed.
_PLAIN = bytes([*b"\t\n", *range(0x20, 0x100)])
_NO_CHARACTERS = (b"\xef\xbf\xbe", b"\xef\xbf\xbf")  # U+FFFE and U+FFFF
_OTHER_ENCODING = re.compile(rb"encoding=(?!.utf-8.)", re.IGNORECASE)
_HEAD_BYTES = 200  # the declaration stands at the very beginning
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&amp;": "&"}  # an ampersand comes last
#: Members with lists or names that are also those of members that are read. None of them is in one of its own kind.
_UNUSED = ("networkInterfaceSet", "blockDeviceMapping", "groupSet", "productCodes", "privateDnsNameOptions")
_TAG = re.compile(r"<item>\s*<key>([^<]+)</key>\s*<value(?:/>|>([^<]*)</value>)\s*</item>")


class UnusualError(Exception):
    """The page is not in the form that EC2 writes, so that only a tree can say what it holds."""


class _Member(NamedTuple):
    name: str
    opens: str
    closes: str
    inside: Sequence[_Member] = ()


def _member(name: str, inside: Sequence[str] = ()) -> _Member:
    return _Member(name, f"<{name}>", f"</{name}>", tuple(map(_member, inside)))


_MEMBERS = [_member(name, inside) for name, inside in MEMBERS.items()]
_ID, _TAGS = _member("instanceId"), _member(TAGS)
_LISTS = [_member(name) for name in _UNUSED]


def read_text(body: bytes) -> Page[Instance]:
    """Returns the instances of a page and the token of the next.

    Raises:
        UnusualError: the page has another form than EC2 writes, or members that cannot be read.
    """
    head, *sets = body.split(b"<instancesSet>")
    if not sets:
        raise UnusualError
    _check_form(body, len(head))
    instances: list[Instance] = []
    last = len(sets) - 1
    rest = b""
    for number, part in enumerate(sets):
        inside, end, rest = part.partition(b"</instancesSet>")
        if not end or (number < last and not _is_between_reservations(rest.decode())):
            raise UnusualError
        instances += map(_instance, _items(inside.decode()))
    return Page(instances, _token(head + rest))


def _check_form(body: bytes, start: int) -> None:
    """Refuses what the search for texts does not know: comments, CDATA, other encodings, raw angle brackets, controls.

    The head, before the start, is parsed. One character is looked for before two, which takes fifty times as long.
    """
    is_plain = (
        (body.find(b"!", start) < 0 or body.find(b"<!", start) < 0)
        and (body.find(b"?", start) < 0 or body.find(b"<?", start) < 0)
        and body.count(b"<") == body.count(b">")
        and not body.translate(None, _PLAIN)
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
    """Returns the token of the next page, from an answer of which all but the one reservation's ends is cut out."""
    try:
        root = root_of(page)
        if len(reservations_of(root)) == 1:
            return token_of(root)
    except Transient as torn:
        raise UnusualError from torn
    raise UnusualError


def _is_between_reservations(text: str) -> bool:
    """Returns whether the text ends one reservation and begins the next, with none between that has no instances."""
    depths = _depths(text)
    return depths.count(-1) == 1 and min(depths) == -1 and depths[-1] == 0


def _items(text: str) -> Iterator[str]:
    """Yields what each instance of a set holds after the beginning of its id."""
    before, *items = text.split(_ID.opens)
    last = len(items) - 1
    if not items or before.strip() != "<item>":
        raise UnusualError
    for number, item in enumerate(items):
        yield _without_end(item if number == last else _without_end(item, "<item>"), "</item>")


def _without_end(text: str, end: str) -> str:
    stripped = text.rstrip()
    if not stripped.endswith(end):
        raise UnusualError
    return stripped[: -len(end)]


def _instance(text: str) -> Instance:
    instance_id, end, text = text.partition(_ID.closes)
    instance_id = _unescaped(instance_id).strip()
    if not end or not instance_id or "<" in instance_id:
        raise UnusualError
    before, tags, after = _cut(text, _TAGS)
    _check_whole(before)
    text = before + after
    for unused in _LISTS:
        before, _, after = _cut(text, unused)
        text = before + after
    # One that closes an item too many ends the instance, and what follows belongs to another.
    if "</item>" in text and min(_depths(text)) < 0:
        raise UnusualError
    return instance_of(instance_id, _texts(text, _MEMBERS), _tags(tags))


def _cut(text: str, member: _Member) -> tuple[str, str, str]:
    """Returns what comes before the first such member, what is in it, and what comes after it."""
    before, begins, rest = text.partition(member.opens)
    inside, ends, after = rest.partition(member.closes)
    if bool(begins) != bool(ends) or (not begins and member.closes in text):
        raise UnusualError
    return before, inside, after


def _texts(text: str, members: Sequence[_Member]) -> dict[str, str]:
    """Returns the texts of these members by name, with those of the members inside them."""
    found: dict[str, str] = {}
    end = 0
    for name, opens, closes, inside in members:
        start = text.find(opens)
        if start < 0 and closes[:-1] not in text:
            continue
        if start < end:  # it is written in another form, or in another place
            raise UnusualError
        if start != end:
            _check_whole(text, end, start)
        start += len(opens)
        stop = text.find(closes)
        content, end = text[start:stop], stop + len(closes)
        if stop < start or (not inside and "<" in content):
            raise UnusualError
        if inside:
            found.update(_texts(content, inside))
        else:
            found[name] = _unescaped(content)
    _check_whole(text, end)
    return found


def _check_whole(text: str, start: int = 0, end: int | None = None) -> None:
    """Refuses a part of an instance that does not close each element that it opens."""
    if text.count("<", start, end) != 2 * text.count("</", start, end) + text.count("/>", start, end):
        raise UnusualError


def _depths(text: str) -> list[int]:
    """Returns how many elements are open after each tag, less those that are open before the first."""
    depth, depths = 0, []
    for tag in text.split("<")[1:]:
        name = tag.partition(">")[0]
        depth += -1 if name.startswith("/") else 0 if name.endswith("/") else 1
        depths.append(depth)
    return depths


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
