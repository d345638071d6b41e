"""Decodes the XML of EC2 DescribeInstances.

Source: EC2 API reference, DescribeInstances and Instance; `Operator` by the model of botocore 1.44.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
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
    root = _root(body)
    namespace = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
    reservations = root.find(f"{namespace}reservationSet")
    if reservations is None:
        raise Transient("the answer is torn or not one of AWS (it has no reservationSet)")
    found = [_instance(item, namespace, on_odd) for item in _instance_items(reservations, namespace, on_odd)]
    token = root.findtext(f"{namespace}nextToken") or None
    return Page([instance for instance in found if instance is not None], token)


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


def _instance_items(reservations: ET.Element, namespace: str, on_odd: OnOdd) -> Iterator[ET.Element]:
    for reservation in reservations:
        instances = reservation.find(f"{namespace}instancesSet")
        if instances is None:
            on_odd(DESCRIBE_INSTANCES, "a reservation without instances")
        else:
            yield from instances


def _instance(item: ET.Element, namespace: str, on_odd: OnOdd) -> Instance | None:
    def text(*path: str) -> str | None:
        return (item.findtext("/".join(namespace + name for name in path)) or "").strip() or None

    instance_id = text("instanceId")
    if instance_id is None:
        on_odd(DESCRIBE_INSTANCES, "an instance without an id")
        return None
    is_managed = (text("operator", "managed") or "").lower() == "true"
    return Instance(
        instance_id=instance_id,
        state=text("instanceState", "name"),
        launch_time=epoch_ms(text("launchTime")),
        image_id=text("imageId"),
        platform_details=text("platformDetails"),
        private_dns_name=text("privateDnsName"),
        has_instance_profile=text("iamInstanceProfile", "arn") is not None,
        http_tokens=text("metadataOptions", "httpTokens"),
        operator=(text("operator", "principal") or "a service of AWS") if is_managed else None,
        tags=_tags(item, namespace, lambda: on_odd(DESCRIBE_INSTANCES, f"a tag of {instance_id}")),
    )


def _tags(item: ET.Element, namespace: str, on_odd: Callable[[], None]) -> Tags:
    found = []
    tags = item.find(f"{namespace}tagSet")
    for tag in () if tags is None else tags:
        key = tag.findtext(f"{namespace}key")
        if key:
            found.append((key, tag.findtext(f"{namespace}value") or ""))
        else:
            on_odd()
    return tuple(found)
