"""Names what is read of an EC2 instance, and makes an `Instance` of its texts.

Source: EC2 API reference, Instance; `Operator` by the model of botocore 1.44.
"""

from __future__ import annotations

from collections.abc import Sequence

from scanner.core.instances import Instance, Tags
from scanner.core.normalize import epoch_ms

ID = "instanceId"
#: The members of an instance that are read, in the order in which EC2 writes them, each with those inside it; a member
#: without any is a text itself.
MEMBERS: dict[str, tuple[str, ...]] = {
    ID: (),
    "imageId": (),
    "instanceState": ("name",),
    "privateDnsName": (),
    "launchTime": (),
    "iamInstanceProfile": ("arn",),
    "metadataOptions": ("httpTokens", "httpEndpoint"),
    "platformDetails": (),
    "operator": ("managed", "principal"),
}
#: The members that are texts, in that order.
TEXTS = tuple(text for name, inside in MEMBERS.items() for text in inside or (name,))
TAGS = "tagSet"
INTERFACES = "networkInterfaceSet"  # a third of an instance, of which nothing is read


def instance_of(texts: Sequence[str], tags: Tags) -> Instance:
    """Returns the instance with these texts, in the order of `TEXTS`; blank ones, and its id too, are as if absent."""
    id_, image_id, state, dns_name, launch_time, profile, http_tokens, http_endpoint, platform, managed, principal = [
        text.strip() or None for text in texts
    ]
    is_managed = managed is not None and managed.lower() == "true"
    return Instance(
        instance_id=id_ or "",
        state=state,
        launch_time=epoch_ms(launch_time),
        image_id=image_id,
        platform_details=platform,
        private_dns_name=dns_name,
        has_instance_profile=profile is not None,
        http_tokens=http_tokens,
        http_endpoint=http_endpoint,
        operator=(principal or "a service of AWS") if is_managed else None,
        tags=tags,
    )
