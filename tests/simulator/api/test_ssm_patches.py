"""DescribeInstancePatches as the SDK sees it."""

from __future__ import annotations

import pytest

from scanner.simulator.generate.build import make_world
from scanner.simulator.server.server import serve
from scanner.simulator.world.faults import Faults
from tests.simulator.clients import client, post, refused, signed_request
from tests.simulator.clocks import HandClock
from tests.simulator.reader import patches_of_target, true_form

WORLD = make_world(accounts=2, regions=2, nodes=24, rows=130)
ACCOUNT, OTHER = WORLD.accounts
REGION = "eu-west-1"
FIRST, SECOND = (node.instance_id for node in WORLD.accounts[ACCOUNT].regions[REGION].nodes[:2])


async def _pages(simulator, instance_id=FIRST, **request):
    async with client(simulator, "ssm") as ssm:
        listing = ssm.get_paginator("describe_instance_patches").paginate(InstanceId=instance_id, **request)
        return [page["Patches"] async for page in listing]


def _true(pages, instance_id=FIRST):
    return [true_form(ACCOUNT, REGION, instance_id, row) for page in pages for row in page]


async def test_the_paginator_gets_the_rows_of_the_truth_in_order():
    async with serve(WORLD) as simulator:
        pages = await _pages(simulator, MaxResults=50)
        truth = simulator.truth().patches_of(ACCOUNT, REGION, FIRST)
    assert len(truth) > 100
    assert [len(page) for page in pages[:-1]] == [50] * (len(pages) - 1)
    assert _true(pages) == truth


async def test_targets_do_not_mix():
    async with serve(WORLD) as simulator:
        truth = simulator.truth()
        for account_id in WORLD.accounts:
            rows, _ = await patches_of_target(simulator, account_id, "us-east-1")
            expected = [row for row in truth.patches() if (row.account_id, row.region) == (account_id, "us-east-1")]
            assert rows == sorted(expected, key=repr)


@pytest.mark.parametrize(("size", "bound"), [(100, "less than or equal to 50"), (9, "greater than or equal to 10")])
async def test_page_sizes_out_of_bounds_are_refused_in_the_words_of_the_service(size, bound):
    async with serve(WORLD) as simulator, client(simulator, "ssm") as ssm:
        code, message, status = await refused(ssm.describe_instance_patches(InstanceId=FIRST, MaxResults=size))
    assert (code, status) == ("ValidationException", 400)
    assert message == (
        f"1 validation error detected: Value '{size}' at 'maxResults' failed to satisfy constraint: "
        f"Member must have value {bound}"
    )


async def test_all_that_is_wrong_with_a_request_is_told_at_once():
    six = [{"Key": "State", "Values": ["Missing"]}] * 6
    async with serve(WORLD) as simulator, client(simulator, "ssm") as ssm:
        call = ssm.describe_instance_patches(InstanceId="web-1", MaxResults=51, Filters=six)
        code, message, _ = await refused(call)
    assert code == "ValidationException"
    assert message.startswith("3 validation errors detected: Value 'web-1' at 'instanceId' failed to satisfy")
    assert "at 'filters' failed to satisfy constraint: Member must have length less than or equal to 5" in message


async def test_a_body_of_the_wrong_types_cannot_be_read():
    async with serve(WORLD) as simulator:
        request = signed_request(simulator, b'{"InstanceId":7}', target="AmazonSSM.DescribeInstancePatches")
        status, text = await post(*request)
    assert (status, "SerializationException" in text) == (400, True)


async def test_values_of_a_filter_are_alternatives_and_filters_add_up():
    def expected(row):
        return row.state in ("INSTALLED", "MISSING") and row.severity == "Critical"

    chosen = [{"Key": "State", "Values": ["Installed", "Missing"]}, {"Key": "Severity", "Values": ["Critical"]}]
    async with serve(make_world(accounts=1, regions=1, nodes=1, rows=300, platforms=("rhel-9",))) as simulator:
        (key,) = simulator.truth().nodes
        pages = await _pages(simulator, key[2], MaxResults=10, Filters=chosen)
        every = simulator.truth().patches_of(*key)
    rows = [true_form(*key, row) for page in pages for row in page]
    assert rows == [row for row in every if expected(row)] != []
    assert [] in pages


@pytest.mark.parametrize("key", ["Classification", "KBId"])
async def test_rows_are_filtered_by_other_members_too(key):
    async with serve(WORLD) as simulator:
        wanted = (await _pages(simulator, MaxResults=50))[0][0][key]
        pages = await _pages(simulator, Filters=[{"Key": key, "Values": [wanted]}])
    assert {row[key] for page in pages for row in page} == {wanted}


async def test_filters_can_apply_before_the_page_is_cut():
    chosen = [{"Key": "State", "Values": ["InstalledOther"]}]
    async with serve(WORLD, faults=Faults(filter_before_page=True)) as simulator:
        pages = await _pages(simulator, MaxResults=10, Filters=chosen)
    assert {len(page) for page in pages[:-1]} <= {10}
    assert {row["State"] for page in pages for row in page} <= {"InstalledOther"}


async def test_the_documented_form_of_a_state_finds_nothing():
    async with serve(WORLD) as simulator:
        pages = await _pages(simulator, Filters=[{"Key": "State", "Values": ["INSTALLED"]}])
    assert not any(pages)


async def test_an_unknown_filter_key_is_refused():
    async with serve(WORLD) as simulator, client(simulator, "ssm") as ssm:
        chosen = [{"Key": "Title", "Values": ["x"]}]
        assert (await refused(ssm.describe_instance_patches(InstanceId=FIRST, Filters=chosen)))[0] == "InvalidFilter"


async def _first_token(ssm, **request):
    return (await ssm.describe_instance_patches(InstanceId=FIRST, MaxResults=10, **request))["NextToken"]


async def test_a_token_is_opaque_and_bound_to_its_listing():
    async with serve(WORLD) as simulator, client(simulator, "ssm") as ssm:
        token = await _first_token(ssm)
        assert len(token) > 300
        middle = len(token) // 2
        for spoiled in (
            f"{token[:-1]}x",
            f"{token[:middle]}{'B' if token[middle] == 'A' else 'A'}{token[middle + 1 :]}",
            "x",
        ):
            call = ssm.describe_instance_patches(InstanceId=FIRST, NextToken=spoiled)
            assert (await refused(call))[0] == "InvalidNextToken"
        foreign = ssm.describe_instance_patches(InstanceId=SECOND, NextToken=token)
        assert (await refused(foreign))[0] == "InvalidNextToken"
        chosen = [{"Key": "State", "Values": ["Missing"]}]
        filtered = ssm.describe_instance_patches(InstanceId=FIRST, NextToken=token, Filters=chosen)
        assert (await refused(filtered))[0] == "InvalidNextToken"
        await ssm.describe_instance_patches(InstanceId=FIRST, NextToken=token)


async def test_a_token_can_grow_too_old():
    clock = HandClock()
    async with serve(WORLD, faults=Faults(token_ttl_s=60), clock=clock) as simulator, client(simulator, "ssm") as ssm:
        token = await _first_token(ssm)
        clock.advance(59)
        await ssm.describe_instance_patches(InstanceId=FIRST, NextToken=token)
        clock.advance(2)
        late = ssm.describe_instance_patches(InstanceId=FIRST, NextToken=token)
        assert (await refused(late))[0] == "InvalidNextToken"


@pytest.mark.parametrize("form", ["absent", "empty", "null"])
async def test_the_end_of_a_listing_has_three_forms(form):
    async with serve(WORLD, faults=Faults(end_of_listing=form)) as simulator:
        pages = await _pages(simulator, MaxResults=50)
        request = signed_request(
            simulator, b'{"InstanceIds":["i-0123456789abcdef0"]}', target="AmazonSSM.DescribeInstancePatchStates"
        )
        _, text = await post(*request)
        assert _true(pages) == simulator.truth().patches_of(ACCOUNT, REGION, FIRST)
    expected = {"absent": "]}", "empty": '],"NextToken":""}', "null": '],"NextToken":null}'}
    assert text.endswith(expected[form])


async def test_pages_may_be_empty_or_short_and_still_lose_nothing():
    async with serve(WORLD, faults=Faults(empty_page=0.5, varying_page_sizes=True)) as simulator:
        pages = await _pages(simulator, MaxResults=50)
        assert _true(pages) == simulator.truth().patches_of(ACCOUNT, REGION, FIRST)
    assert [] in pages
    assert len({len(page) for page in pages}) > 2


async def test_a_node_that_is_gone_is_listed_but_its_patches_are_refused_without_a_word():
    async with serve(WORLD, faults=Faults(gone=1.0)) as simulator, client(simulator, "ssm") as ssm:
        nodes = (await ssm.describe_instance_information())["InstanceInformationList"]
        call = ssm.describe_instance_patches(InstanceId=nodes[0]["InstanceId"])
        assert await refused(call) == ("InvalidInstanceId", "", 400)
        assert {node.status.value for node in simulator.truth().nodes.values()} == {"gone"}


async def test_one_node_can_be_denied_alone():
    async with serve(WORLD, faults=Faults(denied=0.3)) as simulator, client(simulator, "ssm") as ssm:
        here = {
            k[2]: node.status.value for k, node in simulator.truth(regions=[REGION], accounts=[ACCOUNT]).nodes.items()
        }
        assert set(here.values()) == {"denied", "verified"}
        for instance_id, status in here.items():
            call = ssm.describe_instance_patches(InstanceId=instance_id)
            if status == "denied":
                code, message, _ = await refused(call)
                assert code == "AccessDeniedException"
                assert message.split(" because ")[0].endswith(f":instance/{instance_id}")
            else:
                await call


async def test_a_node_that_was_never_scanned_has_no_patches():
    async with serve(WORLD, faults=Faults(never_scanned=1.0)) as simulator:
        assert await _pages(simulator) == [[]]


async def test_a_patching_operation_makes_old_tokens_void():
    async with serve(WORLD) as simulator, client(simulator, "ssm") as ssm:
        token = await _first_token(ssm)
        before = simulator.truth().nodes[ACCOUNT, REGION, FIRST].columns
        simulator.patch_node(ACCOUNT, REGION, FIRST)
        late = ssm.describe_instance_patches(InstanceId=FIRST, NextToken=token)
        assert (await refused(late))[0] == "InvalidNextToken"
        after = simulator.truth().nodes[ACCOUNT, REGION, FIRST].columns
        assert _true(await _pages(simulator)) == simulator.truth().patches_of(ACCOUNT, REGION, FIRST)
    assert before["snapshot_id"] != after["snapshot_id"]
    assert before["operation_end_time"] < after["operation_end_time"]
    assert after["operation"] == "Install"


async def test_or_old_tokens_go_on_over_the_new_rows():
    faults = Faults(patched_midway=1.0, patched_midway_tokens="go_on")
    async with serve(WORLD, faults=faults) as simulator:
        old = simulator.truth().patches_of(ACCOUNT, REGION, FIRST)
        mixed = _true(await _pages(simulator, MaxResults=50))
        new = simulator.truth().patches_of(ACCOUNT, REGION, FIRST)
        assert old != new
        assert mixed[:50] == old[:50]
        assert mixed[50:] == new[50:]
        assert _true(await _pages(simulator, MaxResults=50)) == new


async def test_rows_are_not_replaced_where_no_patch_state_could_tell():
    faults = Faults(patched_midway=1.0, patched_midway_tokens="go_on", state_missing=1.0)
    async with serve(WORLD, faults=faults) as simulator:
        before = simulator.truth().patches_of(ACCOUNT, REGION, FIRST)
        assert _true(await _pages(simulator, MaxResults=50)) == before


async def test_a_mismatched_node_never_agrees_with_its_counts():
    async with serve(WORLD, faults=Faults(mismatched=1.0)) as simulator:
        truth = simulator.truth()
        node = truth.nodes[ACCOUNT, REGION, FIRST]
        installed = sum(row.state == "INSTALLED" for row in truth.patches_of(ACCOUNT, REGION, FIRST))
        failed_only = simulator.truth(states=["FAILED"]).nodes[ACCOUNT, REGION, FIRST]
    assert node.status == "mismatched"
    assert node.counts["installed_count"] == installed + 3
    assert failed_only.status == "verified"
