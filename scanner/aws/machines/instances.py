"""Decodes the XML of EC2 DescribeInstances.

Source: EC2 API reference, DescribeInstances and Instance; `Operator` by the model of botocore 1.44.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import reduce
from xml.etree import ElementTree as ET

from scanner.aws.machines.odd_members import OnOdd, ignore_odd
from scanner.aws.operations import DESCRIBE_INSTANCES
from scanner.aws.requests.pagination import Page
from scanner.core.errors import Transient
from scanner.core.instances import Instance, Tags
from scanner.core.normalize import epoch_ms

#: Answers have no document type: what declares one, and entities with it, is no answer of EC2.
_DOCUMENT_TYPE = b"<!DOCTYPE"
_REFERENCE = re.compile(r"&#(?:x([0-9a-fA-F]+)|([0-9]+));")
#: What XML 1.0 has no place for, neither as a character nor by a reference, and what a tag may still hold.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REPLACEMENT = "\ufffd"
_RESERVATIONS = b"<reservationSet"
_NAMESPACE = re.compile(rb"""\sxmlns=("[^"]*"|'[^']*')""")
_UNESCAPED = b"<!"  # how CDATA and comments begin
_UNUSED_LISTS = (b"networkInterfaceSet", b"blockDeviceMapping")
_HIGHEST_CHARACTER = 0x10FFFF


def decode_instances(body: bytes, on_odd: OnOdd = ignore_odd) -> Page[Instance]:
    """Returns the instances of one page and the token of the next.

    Args:
        body: the answer.
        on_odd: takes note of an instance without an id, of which nothing can be said, of a reservation without a list
            of instances, and of a tag without a key.

    Raises:
        Transient: the body is no XML, or lacks the list of reservations: a proxy's page, or half an answer.
    """
    if _DOCUMENT_TYPE in body:
        raise Transient("the answer declares a document type, which EC2 never does")
    with _uncollected():
        return _page(body, on_odd)


def _page(body: bytes, on_odd: OnOdd) -> Page[Instance]:
    root = _root(_used_part(body))
    reservations = root.find("reservationSet")
    if reservations is None:
        raise Transient("the answer is torn or not one of AWS (it has no reservationSet)")
    found = [_instance(item, on_odd) for item in _instance_items(reservations, on_odd)]
    token = root.findtext("nextToken") or None
    return Page([instance for instance in found if instance is not None], token)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keeps the garbage collector from looking at the 35,000 elements of a page, which hold no cycles.

    They are gone when the block ends. Looking at them was a seventh of the time that decoding takes.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _used_part(body: bytes) -> bytes:
    """Returns the answer without its namespace, so that names are bare, and without the lists that nothing here reads.

    They make a third of an answer; with both, decoding it takes half the time. Texts cannot hold what is cut out: their
    angle brackets are escaped, save in CDATA and in comments, with which nothing is cut out.
    """
    head, start, rest = body.partition(_RESERVATIONS)
    unused = () if _UNESCAPED in rest else _UNUSED_LISTS
    return _NAMESPACE.sub(b"", head) + start + reduce(_without, unused, rest)


def _without(body: bytes, name: bytes) -> bytes:
    """Returns the body without the elements of this name; one that does not end stays, for the parser to refuse."""
    start, end = b"<" + name + b">", b"</" + name + b">"
    first, *parts = body.split(start)
    cut = (part.partition(end) for part in parts)
    return b"".join((first, *(after if found else start + inside for inside, found, after in cut)))


def _root(body: bytes) -> ET.Element:
    """Returns the root of an answer; one with characters that XML forbids is read with U+FFFD in their place."""
    try:
        return ET.fromstring(body)  # noqa: S314 - without a document type there are no entities to expand
    except (ET.ParseError, ValueError, LookupError):
        pass
    try:
        return ET.fromstring(_repaired(body))  # noqa: S314 - as above
    except (ET.ParseError, ValueError, LookupError) as error:
        raise Transient(f"the answer is torn or not one of AWS ({error})") from error


def _repaired(body: bytes) -> bytes:
    return _FORBIDDEN.sub(_REPLACEMENT, _REFERENCE.sub(_allowed, body.decode("utf-8", "replace"))).encode()


def _allowed(reference: re.Match[str]) -> str:
    """Returns a character reference as it is, or U+FFFD where XML does not allow its character."""
    code = int(reference[1], 16) if reference[1] else int(reference[2])
    return reference[0] if code <= _HIGHEST_CHARACTER and not _FORBIDDEN.match(chr(code)) else _REPLACEMENT


def _instance_items(reservations: ET.Element, on_odd: OnOdd) -> Iterator[ET.Element]:
    for reservation in reservations:
        instances = reservation.find("instancesSet")
        if instances is None:
            on_odd(DESCRIBE_INSTANCES, "a reservation without instances")
        else:
            yield from instances


def _instance(item: ET.Element, on_odd: OnOdd) -> Instance | None:
    instance_id = _text(item, "instanceId")
    if instance_id is None:
        on_odd(DESCRIBE_INSTANCES, "an instance without an id")
        return None
    is_managed = (_text(item, "operator", "managed") or "").lower() == "true"
    return Instance(
        instance_id=instance_id,
        state=_text(item, "instanceState", "name"),
        launch_time=epoch_ms(_text(item, "launchTime")),
        image_id=_text(item, "imageId"),
        platform_details=_text(item, "platformDetails"),
        private_dns_name=_text(item, "privateDnsName"),
        has_instance_profile=_text(item, "iamInstanceProfile", "arn") is not None,
        http_tokens=_text(item, "metadataOptions", "httpTokens"),
        operator=(_text(item, "operator", "principal") or "a service of AWS") if is_managed else None,
        tags=_tags(item, lambda: on_odd(DESCRIBE_INSTANCES, f"a tag of {instance_id}")),
    )


def _text(item: ET.Element, *path: str) -> str | None:
    """Returns the text at the end of a path of names; None where it is absent or blank."""
    found: ET.Element | None = item
    for name in path:
        found = None if found is None else found.find(name)
    return ((found.text if found is not None else None) or "").strip() or None


def _tags(item: ET.Element, on_odd: Callable[[], None]) -> Tags:
    found = []
    tags = item.find("tagSet")
    for tag in () if tags is None else tags:
        key = tag.findtext("key")
        if key:
            found.append((key, tag.findtext("value") or ""))
        else:
            on_odd()
    return tuple(found)
