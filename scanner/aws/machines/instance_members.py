"""Names what is read of an EC2 instance, and makes an `Instance` of its texts.

Source: EC2 API reference, Instance; `Operator` by the model of botocore 1.44.
"""

from __future__ import annotations

from collections.abc import Mapping

from scanner.core.instances import Instance, Tags
from scanner.core.normalize import epoch_ms

#: The members of an instance that are read, in the order in which EC2 writes them, each with those inside it; a member
#: without any is a text itself.
MEMBERS: dict[str, tuple[str, ...]] = {
    "imageId": (),
    "instanceState": ("name",),
    "privateDnsName": (),
    "launchTime": (),
    "iamInstanceProfile": ("arn",),
    "metadataOptions": ("httpTokens", "httpEndpoint"),
    "platformDetails": (),
    "operator": ("managed", "principal"),
}
TAGS = "tagSet"


def instance_of(instance_id: str, texts: Mapping[str, str], tags: Tags) -> Instance:
    """Returns the instance with these texts, each under the name of the member that holds it; blank ones are absent."""
    is_managed = (_text(texts, "managed") or "").lower() == "true"
    return Instance(
        instance_id=instance_id,
        state=_text(texts, "name"),
        launch_time=epoch_ms(_text(texts, "launchTime")),
        image_id=_text(texts, "imageId"),
        platform_details=_text(texts, "platformDetails"),
        private_dns_name=_text(texts, "privateDnsName"),
        has_instance_profile=_text(texts, "arn") is not None,
        http_tokens=_text(texts, "httpTokens"),
        http_endpoint=_text(texts, "httpEndpoint"),
        operator=(_text(texts, "principal") or "a service of AWS") if is_managed else None,
        tags=tags,
    )


def _text(texts: Mapping[str, str], name: str) -> str | None:
    return texts.get(name, "").strip() or None
