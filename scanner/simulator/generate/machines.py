"""Makes EC2 instances: those behind managed nodes, and those that SSM does not manage."""

from __future__ import annotations

from random import Random

from scanner.simulator.generate.packages import DAY_S
from scanner.simulator.generate.platforms import PLATFORMS
from scanner.simulator.world.machines import InstanceState, Machine
from scanner.simulator.world.organization import Node, Trait

_PLATFORM_DETAILS = {"windows": "Windows", "rhel": "Red Hat Enterprise Linux", "ubuntu": "Linux/UNIX"}


def machine_of(node: Node, as_of_s: int) -> Machine | None:
    """Returns the EC2 instance behind a managed node; None for a hybrid node, which EC2 does not know."""
    if node.is_hybrid:
        return None
    rng = Random(f"machine:{node.seed}")
    return Machine(
        instance_id=node.instance_id,
        launched_s=_launched_s(node, as_of_s, rng),
        state=InstanceState.STOPPED if Trait.STOPPED in node.traits else InstanceState.RUNNING,
        image_id=f"ami-{rng.getrandbits(68):017x}",
        platform_details=_PLATFORM_DETAILS.get(node.platform.partition("-")[0], "Linux/UNIX"),
        private_dns_name=node.computer_name,
        tags=(*node.tags, ("Name", node.computer_name.partition(".")[0])),
    )


def _launched_s(node: Node, as_of_s: int, rng: Random) -> int:
    midnight_s = as_of_s - rng.randrange(2, 400) * DAY_S if node.days is None else (node.days.launched + 1) * DAY_S
    return midnight_s - rng.randrange(DAY_S)


def make_machine(
    rng: Random,
    as_of_s: int,
    *,
    name: str,
    state: InstanceState = InstanceState.RUNNING,
    age_s: int | None = None,
    platform: str = "amazon-linux-2023",
    has_instance_profile: bool = False,
    operator: str = "",
    is_hidden: bool = False,
    tags: tuple[tuple[str, str], ...] = (),
) -> Machine:
    """Makes an instance that SSM does not manage.

    Args:
        rng: where its ids come from.
        as_of_s: the moment of the world, in epoch seconds.
        name: its Name tag.
        state: as EC2 has it.
        age_s: how long ago it was launched; None: some days.
        platform: a key of `PLATFORMS`.
        has_instance_profile: whether the agent on it could have credentials.
        operator: the AWS service that manages it.
        is_hidden: whether EC2 leaves it out by default.
        tags: beside its name.
    """
    return Machine(
        instance_id=f"i-0{rng.getrandbits(64):016x}",
        launched_s=as_of_s - (rng.randrange(1, 300) * DAY_S if age_s is None else age_s),
        state=state,
        image_id=f"ami-{rng.getrandbits(68):017x}",
        platform_details=_PLATFORM_DETAILS.get(PLATFORMS[platform].family, "Linux/UNIX"),
        private_dns_name=f"{name}.ec2.internal",
        has_instance_profile=has_instance_profile,
        http_tokens=rng.choice(("required", "optional")),
        operator=operator,
        is_hidden=is_hidden,
        tags=(*tags, ("Name", name)),
    )
