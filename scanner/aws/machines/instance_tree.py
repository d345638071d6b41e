"""Reads a page of EC2 DescribeInstances as a tree, whatever XML it is."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from xml.etree import ElementTree as ET

from scanner.aws.machines.instance_members import ID, MEMBERS, TAGS, TEXTS, instance_of
from scanner.aws.machines.odd_members import OnOdd
from scanner.aws.operations import DESCRIBE_INSTANCES
from scanner.aws.requests.pagination import Page
from scanner.core.errors import Transient
from scanner.core.instances import Instance, Tags

_REFERENCE = re.compile(r"&#(?:x([0-9a-fA-F]+)|([0-9]+));")
#: What XML 1.0 has no place for, neither as a character nor by a reference, and what a tag may still hold.
#: Compiled when it is needed, which is rare: it takes 5 ms.
_FORBIDDEN = "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
#: Answers have none: what declares one, and entities with it, is no answer of EC2.
_DOCUMENT_TYPE = b"<!DOCTYPE"
_REPLACEMENT = "\ufffd"
_RESERVATIONS = b"<reservationSet"
_NAMESPACE = re.compile(rb"""\sxmlns=("[^"]*"|'[^']*')""")
_HIGHEST_CHARACTER = 0x10FFFF


def read_tree(body: bytes, on_odd: OnOdd) -> Page[Instance]:
    """Returns the instances of a page and the token of the next; raises `Transient` if it is no answer of EC2."""
    with _uncollected():
        root = root_of(body)
        found = [_instance(item, on_odd) for item in instance_items(reservations_of(root), on_odd)]
        return Page([instance for instance in found if instance is not None], token_of(root))


def root_of(body: bytes) -> ET.Element:
    """Returns the root of an answer, whose names are bare; characters that XML forbids are read as U+FFFD.

    Raises:
        Transient: it is no XML, or it has a document type.
    """
    if _DOCUMENT_TYPE in body:
        raise Transient("the answer declares a document type, which EC2 never does")
    head, start, rest = body.partition(_RESERVATIONS)
    body = _NAMESPACE.sub(b"", head) + start + rest
    try:
        return ET.fromstring(body)  # noqa: S314 - without a document type there are no entities to expand
    except (ET.ParseError, ValueError, LookupError):
        pass
    try:
        return ET.fromstring(_repaired(body))  # noqa: S314 - as above
    except (ET.ParseError, ValueError, LookupError) as error:
        raise Transient(f"the answer is torn or not one of AWS ({error})") from error


def reservations_of(root: ET.Element) -> ET.Element:
    """Returns the list of reservations of an answer; raises `Transient` if it has none."""
    reservations = root.find("reservationSet")
    if reservations is None:
        raise Transient("the answer is torn or not one of AWS (it has no reservationSet)")
    return reservations


def token_of(root: ET.Element) -> str | None:
    """Returns the token of the next page, or None on the last one."""
    return root.findtext("nextToken") or None


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keeps the garbage collector from looking at the 70,000 elements of a page, which hold no cycles.

    They are gone when the block ends. Looking at them was a seventh of the time that decoding takes.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _repaired(body: bytes) -> bytes:
    return re.sub(_FORBIDDEN, _REPLACEMENT, _REFERENCE.sub(_allowed, body.decode("utf-8", "replace"))).encode()


def _allowed(reference: re.Match[str]) -> str:
    """Returns a character reference as it is, or U+FFFD where XML does not allow its character."""
    code = int(reference[1], 16) if reference[1] else int(reference[2])
    return reference[0] if code <= _HIGHEST_CHARACTER and not re.match(_FORBIDDEN, chr(code)) else _REPLACEMENT


def instance_items(reservations: ET.Element, on_odd: OnOdd) -> Iterator[ET.Element]:
    """Yields the elements of the instances in a list of reservations."""
    for reservation in reservations:
        instances = reservation.find("instancesSet")
        if instances is None:
            on_odd(DESCRIBE_INSTANCES, "a reservation without instances")
        else:
            yield from instances


def _instance(item: ET.Element, on_odd: OnOdd) -> Instance | None:
    texts = texts_of(item)
    instance_id = texts.get(ID, "").strip()
    if not instance_id:
        on_odd(DESCRIBE_INSTANCES, "an instance without an id")
        return None
    tags = _tags(item, lambda: on_odd(DESCRIBE_INSTANCES, f"a tag of {instance_id}"))
    return instance_of([texts.get(name, "") for name in TEXTS], tags)


def texts_of(item: ET.Element) -> dict[str, str]:
    """Returns the texts of an instance that are read, by the names of the members that hold them."""
    texts = {}
    for name, inside in MEMBERS.items():
        member = item.find(name)
        if member is not None:
            texts.update({each: member.findtext(each) or "" for each in inside} or {name: member.text or ""})
    return texts


def _tags(item: ET.Element, on_odd: Callable[[], None]) -> Tags:
    found = []
    tags = item.find(TAGS)
    for tag in () if tags is None else tags:
        key = tag.findtext("key")
        if key:
            found.append((key, tag.findtext("value") or ""))
        else:
            on_odd()
    return tuple(found)
