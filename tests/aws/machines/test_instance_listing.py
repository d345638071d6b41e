"""Every way in which EC2 may page: an instance counts once, as it was last shown, and no listing goes on for ever."""

from __future__ import annotations

from scanner.aws.machine_sources import TargetSources
from scanner.aws.machines.instances import decode_instances
from scanner.core.machines import NotAsked
from scanner.core.model import Target
from scanner.core.settings import CoverageSettings


def reservation(*instances):
    items = "".join(
        f"<item><instanceId>{instance_id}</instanceId><instanceState><name>{state}</name></instanceState>"
        f"<networkInterfaceSet><item><tagSet><item><key>not</key><value>its own</value></item></tagSet></item>"
        f"</networkInterfaceSet></item>"
        for instance_id, state in instances
    )
    return f"<item><reservationId>r-1</reservationId><instancesSet>{items}</instancesSet></item>"


def page(*reservations, token=""):
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        "<DescribeInstancesResponse xmlns='http://ec2.amazonaws.com/doc/2016-11-15/'>"
        f"<reservationSet>{''.join(reservations)}</reservationSet><nextToken>{token}</nextToken>"
        "</DescribeInstancesResponse>"
    ).encode()


class Ec2:
    """Answers one page after another; the last one again and again."""

    target = Target("111111111111", "eu-west-1")

    def __init__(self, *pages):
        self.pages = pages
        self.asked = 0

    async def ask(self, operation, payload, decode):
        self.asked += 1
        return decode(self.pages[min(self.asked, len(self.pages)) - 1])


async def states(ec2):
    async def itself():
        return ec2

    sources = TargetSources(ec2, itself, itself, CoverageSettings(), max_restarts=1)
    found = await sources.instances()
    return found if isinstance(found, NotAsked) else {key: each.state for key, each in found.items()}


def test_a_text_in_cdata_that_looks_like_a_list_of_network_interfaces_is_kept_whole():
    text = "<networkInterfaceSet>mine</networkInterfaceSet>"
    tags = f"<tagSet><item><key>note</key><value><![CDATA[{text}]]></value></item></tagSet>"
    item = f"<item><instanceId>i-a</instanceId>{tags}</item>"
    (instance,) = decode_instances(page(f"<item><instancesSet>{item}</instancesSet></item>")).items
    assert instance.tags == (("note", text),)


async def test_an_instance_that_two_pages_show_counts_once_as_the_later_one_shows_it():
    ec2 = Ec2(
        page(reservation(("i-a", "pending"), ("i-b", "running")), token="t"), page(reservation(("i-a", "running")))
    )
    assert await states(ec2) == {"i-a": "running", "i-b": "running"}


async def test_an_instance_in_two_reservations_counts_once():
    assert await states(Ec2(page(reservation(("i-a", "running")), reservation(("i-a", "running"))))) == {
        "i-a": "running"
    }


async def test_an_empty_page_with_a_token_leads_on_and_an_empty_token_ends():
    assert await states(Ec2(page(token="t"), page(reservation(("i-a", "running"))))) == {"i-a": "running"}
    assert await states(Ec2(page())) == {}


async def test_a_token_that_comes_again_for_ever_ends_in_a_sentence_after_a_second_try():
    ec2 = Ec2(page(token="t"))
    refused = await states(ec2)
    assert isinstance(refused, NotAsked)
    assert "cannot be listed to the end: the same token came twice (started 2 times)" in refused.reason
    assert ec2.asked == 4


async def test_the_instances_before_a_token_that_comes_again_for_ever_are_kept():
    assert await states(Ec2(page(reservation(("i-a", "running")), token="t"))) == {"i-a": "running"}


async def test_what_belongs_to_a_network_interface_is_no_tag_and_an_unknown_state_is_kept():
    ec2 = Ec2(page(reservation(("i-a", "hibernated"))))

    async def itself():
        return ec2

    (found,) = (await TargetSources(ec2, itself, itself, CoverageSettings(), max_restarts=1).instances()).values()
    assert (found.state, found.tags) == ("hibernated", ())
