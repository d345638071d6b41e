"""Organizations as the SDK sees it."""

from __future__ import annotations

import anyio
import pytest
from msgspec import structs

from scanner.simulator.demo import demo_world
from scanner.simulator.generate.build import make_world
from scanner.simulator.running.buckets import Limits, Rate
from scanner.simulator.server.server import serve
from scanner.simulator.world.faults import Faults
from tests.simulator.clients import client, refused

WORLD = make_world(accounts=45, regions=1, nodes=0)


async def _pages(simulator, **request):
    async with client(simulator, "organizations") as organizations:
        listing = organizations.get_paginator("list_accounts").paginate(**request)
        return [page["Accounts"] async for page in listing]


async def test_accounts_come_twenty_at_a_time():
    async with serve(WORLD) as simulator:
        pages = await _pages(simulator)
    assert [len(page) for page in pages] == [20, 20, 5]
    assert [row["Id"] for page in pages for row in page] == list(WORLD.accounts)


async def test_more_than_twenty_a_page_is_refused():
    async with serve(WORLD) as simulator, client(simulator, "organizations") as organizations:
        assert (await refused(organizations.list_accounts(MaxResults=21)))[0] == "InvalidInputException"


async def test_an_empty_page_may_come_before_the_end():
    async with serve(WORLD, faults=Faults(empty_page=1.0)) as simulator:
        pages = await _pages(simulator)
    assert [len(page) for page in pages] == [0, 20, 0, 20, 0, 5]


async def test_suspended_accounts_are_listed_as_such():
    async with serve(demo_world()) as simulator:
        rows = [row for page in await _pages(simulator) for row in page]
    assert {row["Name"] for row in rows if row["State"] == "SUSPENDED"} == {"meridian-legacy-crm"}


@pytest.mark.parametrize("field", ["State", "Status"])
async def test_the_state_of_an_account_may_stand_in_one_field_only(field):
    async with serve(WORLD, faults=Faults(account_fields=field)) as simulator:
        row = (await _pages(simulator))[0][0]
    assert {"State", "Status"} & row.keys() == {field}


async def test_a_member_account_may_not_list():
    member = list(WORLD.accounts)[1]
    async with serve(WORLD) as simulator, client(simulator, "organizations", account_id=member) as organizations:
        assert (await refused(organizations.list_accounts()))[::2] == ("AccessDeniedException", 400)


async def test_without_an_organization_the_api_says_so():
    world = structs.replace(WORLD, has_organization=False)
    async with serve(world) as simulator, client(simulator, "organizations") as organizations:
        assert (await refused(organizations.list_accounts()))[0] == "AWSOrganizationsNotInUseException"


async def test_haste_is_refused_as_too_many_requests():
    limits = Limits(operations={"ListAccounts": Rate(rate_per_s=0.001, burst=1)})
    async with serve(WORLD, limits=limits) as simulator, client(simulator, "organizations") as organizations:
        await organizations.list_accounts()
        assert (await refused(organizations.list_accounts()))[::2] == ("TooManyRequestsException", 400)


async def test_a_second_request_at_the_same_time_is_refused():
    refusals = []

    async def ask(organizations):
        try:
            await organizations.list_accounts()
        except organizations.exceptions.TooManyRequestsException as error:
            refusals.append(error.response["Error"]["Message"])

    faults, limits = Faults(organizations_one_at_a_time=True), Limits(default=Rate(1e6, 1e6), latency_s=0.2)
    serving = serve(WORLD, faults=faults, limits=limits)
    async with serving as simulator, client(simulator, "organizations") as organizations:
        async with anyio.create_task_group() as both:
            both.start_soon(ask, organizations)
            both.start_soon(ask, organizations)
        await organizations.list_accounts()
    assert len(refusals) == 1
    assert "another request is already in progress" in refusals[0]
