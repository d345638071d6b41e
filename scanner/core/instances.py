"""EC2 instances as DescribeInstances shows them."""

from __future__ import annotations

from msgspec import Struct

INSTANCES_A_PAGE = 500  # an instance with 15 tags takes about 5.5 kB, and an answer larger than 8 MiB is refused
Tags = tuple[tuple[str, str], ...]  # keys and values, in the order in which AWS lists them


class Instance(Struct, frozen=True, array_like=True):
    """One EC2 instance, as DescribeInstances shows it."""

    instance_id: str
    state: str | None = None  # pending, running, shutting-down, terminated, stopping, stopped
    launch_time: int | None = None  # milliseconds since 1970-01-01T00:00Z
    image_id: str | None = None
    platform_details: str | None = None
    private_dns_name: str | None = None
    has_instance_profile: bool = False
    http_tokens: str | None = None  # required or optional
    http_endpoint: str | None = None  # of the instance metadata service: enabled or disabled
    operator: str | None = None  # the service of AWS that manages it, such as eks.amazonaws.com
    tags: Tags = ()
