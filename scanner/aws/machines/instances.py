"""Decodes the XML of EC2 DescribeInstances.

Source: EC2 API reference, DescribeInstances and Instance; `Operator` by the model of botocore 1.44.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from scanner.aws.requests.pagination import Page
from scanner.core.errors import Transient
from scanner.core.instances import Instance, Tags
from scanner.core.normalize import epoch_ms

#: Answers have no document type: what declares one, and entities with it, is no answer of EC2.
_DOCUMENT_TYPE = b"<!DOCTYPE"


def decode_instances(body: bytes) -> Page[Instance]:
    """Returns the instances of one page and the token of the next.

    An instance without an id is skipped: nothing could be said of it.

    Raises:
        Transient: the body is no XML, or lacks the list of reservations: a proxy's page, or half an answer.
    """
    try:
        if _DOCUMENT_TYPE in body:
            raise Transient("the answer declares a document type, which EC2 never does")
        root = ET.fromstring(body)  # noqa: S314 - without a document type there are no entities to expand
    except (ET.ParseError, ValueError, LookupError) as error:
        raise Transient(f"the answer is torn or not one of AWS ({error})") from error
    namespace = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
    reservations = root.find(f"{namespace}reservationSet")
    if reservations is None:
        raise Transient("the answer is torn or not one of AWS (it has no reservationSet)")
    found = [_instance(item, namespace) for item in _instance_items(reservations, namespace)]
    token = root.findtext(f"{namespace}nextToken") or None
    return Page([instance for instance in found if instance.instance_id], token)


def _instance_items(reservations: ET.Element, namespace: str) -> Iterator[ET.Element]:
    for reservation in reservations:
        instances = reservation.find(f"{namespace}instancesSet")
        if instances is not None:
            yield from instances


def _instance(item: ET.Element, namespace: str) -> Instance:
    def text(*path: str) -> str | None:
        return (item.findtext("/".join(namespace + name for name in path)) or "").strip() or None

    is_managed = (text("operator", "managed") or "").lower() == "true"
    return Instance(
        instance_id=text("instanceId") or "",
        state=text("instanceState", "name"),
        launch_time=epoch_ms(text("launchTime")),
        image_id=text("imageId"),
        platform_details=text("platformDetails"),
        private_dns_name=text("privateDnsName"),
        has_instance_profile=text("iamInstanceProfile", "arn") is not None,
        http_tokens=text("metadataOptions", "httpTokens"),
        operator=(text("operator", "principal") or "a service of AWS") if is_managed else None,
        tags=_tags(item, namespace),
    )


def _tags(item: ET.Element, namespace: str) -> Tags:
    tags = item.find(f"{namespace}tagSet")
    if tags is None:
        return ()
    return tuple(
        (tag.findtext(f"{namespace}key") or "", tag.findtext(f"{namespace}value") or "") for tag in tags if len(tag)
    )
