"""Every answer of the server as bytes made beforehand: what a request costs here is a look-up."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scanner.core.instances import INSTANCES_A_PAGE
from tests.benchmarks import machine_answers
from tests.benchmarks.machine_answers import instance_id
from tests.benchmarks.profiles import Profile, json_bytes, make_profiles

NODES_A_PAGE = 50
TOKEN_BYTES = 390
SESSION_TOKEN = "IQoJb3JpZ2luX2VjE" + "x" * 683
HUB_ACCOUNT = "111111111111"
_ID = b"i-" + b"0" * 17
_TOKEN_NUMBER = re.compile(rb"AAEAA(\d{8})")
_INSTANCE = re.compile(rb'"InstanceIds?": ?\[?"i-([0-9]{17})"')
_TIME_END = b"000.0,"  # of each installed time
_INSTANCES = re.compile(rb"i-([0-9]{17})")


def http(body: bytes, status: bytes = b"200 OK", kind: bytes = b"application/x-amz-json-1.1") -> bytes:
    """A whole HTTP answer."""
    head = b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\nx-amzn-RequestId: %036d\r\n\r\n"
    return head % (status, kind, len(body), 1) + body


THROTTLED = http(b'{"__type":"ThrottlingException","message":"Rate exceeded"}', b"400 Bad Request")
UNKNOWN = http(b'{"__type":"UnknownOperationException"}', b"400 Bad Request")


def token(number: int) -> str:
    """A NextToken that says at which page to go on, as long as the service's."""
    return f"AAEAA{number:08}".ljust(TOKEN_BYTES, "x")


def _number_of_token(body: bytes) -> int:
    found = _TOKEN_NUMBER.search(body)
    return int(found[1]) if found else 0


@dataclass
class SsmAnswers:
    """SSM of one Region with `nodes` nodes, the same in every account.

    With a `mark`, a digit of the Region's own, each of its first 8,000 nodes has times of its own.
    """

    nodes: int
    profiles: list[Profile]
    mark: int | None = None

    def __post_init__(self) -> None:
        self._patches = [_patch_pages(profile) for profile in self.profiles]
        self._states = [json_bytes({"InstanceId": instance_id(0), **p.state}) for p in self.profiles]
        self._listings: dict[int, bytes] = {}
        self._instances: dict[int, bytes] = {}
        self._inventory: dict[int, bytes] = {}

    def patches(self, body: bytes) -> bytes:
        found = _INSTANCE.search(body)
        assert found is not None
        number = int(found[1])
        page = self._patches[number % len(self.profiles)][_number_of_token(body)]
        return page if self.mark is None else page.replace(_TIME_END, b"%03d.%d," % (number % 1000, self.mark))

    def states(self, body: bytes) -> bytes:
        ids = _INSTANCES.findall(body)
        rows = [self._states[int(number) % len(self.profiles)].replace(_ID, b"i-" + number) for number in ids]
        return http(b'{"InstancePatchStates":[%b]}' % b",".join(rows))

    def listing(self, body: bytes) -> bytes:
        page = _number_of_token(body)
        if page not in self._listings:
            self._listings[page] = self._listing(page)
        return self._listings[page]

    def instances(self, body: bytes) -> bytes:
        """One EC2 instance for each node, as DescribeInstances shows it in pages of 500."""
        page = _number_of_token(body)
        if page not in self._instances:
            first = page * INSTANCES_A_PAGE
            last = min(first + INSTANCES_A_PAGE, self.nodes)
            more = token(page + 1) if last < self.nodes else ""
            self._instances[page] = http(machine_answers.instances(range(first, last), more), kind=b"text/xml")
        return self._instances[page]

    def inventory(self, body: bytes) -> bytes:
        """What Inventory keeps of each node, as GetInventory shows it in pages of 50."""
        page = _number_of_token(body)
        if page not in self._inventory:
            first = page * NODES_A_PAGE
            last = min(first + NODES_A_PAGE, self.nodes)
            more = token(page + 1) if last < self.nodes else ""
            self._inventory[page] = http(machine_answers.inventory(range(first, last), more))
        return self._inventory[page]

    def _listing(self, page: int) -> bytes:
        last = min((page + 1) * NODES_A_PAGE, self.nodes)
        rows = [_node(number, self.profiles) for number in range(page * NODES_A_PAGE, last)]
        more = {"NextToken": token(page + 1)} if last < self.nodes else {}
        return http(json_bytes({"InstanceInformationList": rows, **more}))


def _patch_pages(profile: Profile) -> list[bytes]:
    pages = profile.pages()
    return [
        http(json_bytes({"Patches": rows, **({"NextToken": token(number)} if number < len(pages) else {})}))
        for number, rows in enumerate(pages, start=1)
    ]


def _node(number: int, profiles: list[Profile]) -> dict[str, object]:
    return {
        "InstanceId": instance_id(number),
        "PingStatus": "Online",
        "LastPingDateTime": 1_795_000_000.25,
        "AgentVersion": "3.3.2299.0",
        "PlatformType": profiles[number % len(profiles)].platform,
        "PlatformName": "Amazon Linux" if number % 2 == 0 else "Microsoft Windows Server 2022 Datacenter",
        "PlatformVersion": "2023",
        "ResourceType": "EC2Instance",
        "IPAddress": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        "ComputerName": f"node-{number}.example.internal",
    }


def caller_identity(account_id: str) -> bytes:
    return _sts("GetCallerIdentity", f"<Arn>arn:aws:iam::{account_id}:user/bench</Arn><Account>{account_id}</Account>")


def assumed_role(account_id: str) -> bytes:
    """A session whose access key says in which account it is."""
    return _sts(
        "AssumeRole",
        f"<Credentials><AccessKeyId>ASIA{account_id}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>"
        f"<SessionToken>{SESSION_TOKEN}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>",
    )


def regions(names: list[str]) -> bytes:
    items = "".join(
        f"<item><regionName>{name}</regionName><optInStatus>opted-in</optInStatus></item>" for name in names
    )
    return http(
        f"<DescribeRegionsResponse><regionInfo>{items}</regionInfo></DescribeRegionsResponse>".encode(),
        kind=b"text/xml",
    )


def _sts(operation: str, result: str) -> bytes:
    text = f"<{operation}Response><{operation}Result>{result}</{operation}Result></{operation}Response>"
    return http(text.encode(), kind=b"text/xml")


#: What a target's further sources answer where they have nothing: no baselines.
NOTHING_KEPT = {"DescribePatchBaselines": http(b'{"BaselineIdentities":[]}')}


def ssm_of(nodes_by_region: dict[str, int], *, unlike: bool = False) -> dict[str, SsmAnswers]:
    """The answers of every Region that has nodes; profiles and pages are shared, unless all nodes are `unlike`."""
    profiles = make_profiles()
    return {
        region: SsmAnswers(nodes, profiles, number if unlike else None)
        for number, (region, nodes) in enumerate(nodes_by_region.items())
    }
