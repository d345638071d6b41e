"""Every machine of a target is accounted for, with what each source knows of it."""

from __future__ import annotations

import pytest

from scanner.core.baselines import Baseline
from scanner.core.errors import Denied, NodeGone, Unavailable
from scanner.core.instances import Instance
from scanner.core.machines import AssociationScan, InventoryNode, NotAsked
from scanner.core.model import ManagedNode, NodeStatus, PatchState, Target
from scanner.core.settings import NodeSettings
from scanner.core.state_names import COUNTED_STATES
from scanner.scan.job import ReadingRules, ScanJob
from scanner.scan.scan_targets import scan_targets
from scanner.scan.target_machines import LISTING_IS_FILTERED
from tests.fake_fleet import FakeFleet, FakeNode, FakeSources, FakeTarget, pages, patch, state_of

HERE = Target("111111111111", "eu-west-1")
NOW_S = 1_795_132_800.0
ROWS = [patch("a"), patch("b", "MISSING")]
ALL_NODES = NodeSettings()
REFUSED = NotAsked("ec2:DescribeInstances is denied")


def node(rows=ROWS, **changes):
    state = state_of("", rows)
    return FakeNode([pages(rows)], [changes.get("state", state)])


async def scanned(known, sources, *, nodes=ALL_NODES, **job_options):
    delivered = []

    async def deliver(scan):
        delivered.append(scan)

    target = FakeTarget(known, sources=sources)
    rules = ReadingRules((), frozenset(COUNTED_STATES), max_nodes=4, max_restarts=2, nodes=nodes)
    job = ScanJob(rules, 1, deliver, lambda: NOW_S, **job_options)
    (outcome,) = await scan_targets([HERE], FakeFleet({HERE: target}), job)
    return {scan.node.instance_id: scan for scan in delivered}, outcome


async def test_instances_that_ssm_does_not_list_are_unmanaged_stopped_or_a_services():
    ec2 = {
        "i-a": Instance("i-a", "running", image_id="ami-1", tags=(("Team", "x"), ("aws:autoscaling:groupName", "g"))),
        "i-u": Instance("i-u", "running"),
        "i-s": Instance("i-s", "stopped"),
        "i-e": Instance("i-e", "running", operator="eks.amazonaws.com"),
        "i-t": Instance("i-t", "terminated"),
    }
    nodes = {"i-a": node(), "i-s": FakeNode([pages([])], [None])}
    target = FakeSources(ec2=ec2)
    listed = {"i-a": nodes["i-a"]}
    found, outcome = await scanned_with_stopped(listed, nodes, target)
    assert {key: scan.status for key, scan in found.items()} == {
        "i-a": NodeStatus.VERIFIED,
        "i-u": NodeStatus.UNMANAGED,
        "i-s": NodeStatus.STOPPED,
        "i-e": NodeStatus.SERVICE_MANAGED,
    }
    assert found["i-a"].tags == (("Team", "x"),)
    assert found["i-a"].instance.image_id == "ami-1"
    assert all(found[key].reason for key in ("i-u", "i-s", "i-e"))
    assert outcome.nodes == 4


async def scanned_with_stopped(listed, known, sources):
    """As `scanned`, where some nodes answer for their patches and are not listed."""
    delivered = []

    async def deliver(scan):
        delivered.append(scan)

    class Listing(FakeTarget):
        async def list_nodes(self):
            yield [ManagedNode(instance_id) for instance_id in listed]

    target = Listing(known, sources=sources)
    job = ScanJob(ReadingRules((), frozenset(COUNTED_STATES), 4, 2), 1, deliver, lambda: NOW_S)
    (outcome,) = await scan_targets([HERE], FakeFleet({HERE: target}), job)
    return {scan.node.instance_id: scan for scan in delivered}, outcome


async def test_a_stopped_machine_keeps_the_last_patches_that_aws_still_has():
    sources = FakeSources(
        ec2={"i-s": Instance("i-s", "stopped")},
        inventory=[InventoryNode("i-s", "Stopped", ManagedNode("i-s", computer_name="db-1", platform_type="Linux"))],
    )
    found, _ = await scanned_with_stopped({}, {"i-s": node()}, sources)
    assert found["i-s"].status is NodeStatus.STOPPED
    assert len(found["i-s"].patches) == len(ROWS)
    assert found["i-s"].node.computer_name == "db-1"
    assert "its last patches are as AWS keeps them" in found["i-s"].reason


async def test_a_hybrid_machine_that_only_inventory_calls_stopped_is_stopped():
    sources = FakeSources(inventory=[InventoryNode("mi-1", "Stopped", ManagedNode("mi-1"))])
    found, _ = await scanned_with_stopped({}, {"mi-1": FakeNode([pages([])], [None])}, sources)
    assert found["mi-1"].status is NodeStatus.STOPPED


async def test_a_node_that_ec2_still_runs_has_not_gone():
    sources = FakeSources(ec2={"i-a": Instance("i-a", "running")})
    found, _ = await scanned({"i-a": FakeNode([[NodeGone("InvalidInstanceId")]], [state_of("i-a", ROWS)])}, sources)
    assert found["i-a"].status is NodeStatus.FAILED
    assert "yet EC2 says running" in found["i-a"].reason


async def test_a_node_that_was_terminated_after_ec2_was_asked_has_gone():
    class Terminating(FakeSources):
        async def instances(self, known=None):
            answer = await super().instances()
            self.ec2 = {}
            return answer

    sources = Terminating(ec2={"i-a": Instance("i-a", "running")})
    found, _ = await scanned({"i-a": FakeNode([[NodeGone("InvalidInstanceId")]], [state_of("i-a", ROWS)])}, sources)
    assert found["i-a"].status is NodeStatus.GONE


@pytest.mark.parametrize("ec2", [None, {}, {"i-a": Instance("i-a", "terminated")}])
async def test_a_node_that_ec2_does_not_run_has_gone(ec2):
    node_gone = FakeNode([[NodeGone("InvalidInstanceId")]], [state_of("i-a", ROWS)])
    found, _ = await scanned({"i-a": node_gone}, FakeSources(ec2=ec2))
    assert found["i-a"].status is NodeStatus.GONE


async def test_a_node_scanned_by_an_association_has_a_summary_and_is_never_shown_as_clear():
    scan = AssociationScan("i-a", "NON_COMPLIANT", PatchState("i-a", baseline_id="pb-1", missing_count=12))
    sources = FakeSources(associations={"i-a": scan}, known_baselines=[Baseline("pb-1"), Baseline("pb-2")])
    nodes = {"i-a": FakeNode([pages([])], [None]), "i-b": FakeNode([pages([])], [None])}
    found, outcome = await scanned(nodes, sources)
    assert found["i-a"].status is NodeStatus.SUMMARY_ONLY
    assert "NON_COMPLIANT, 12 missing" in found["i-a"].reason
    assert found["i-a"].state.missing_count == 12
    assert found["i-b"].status is NodeStatus.NO_PATCH_DATA
    assert [baseline.baseline_id for baseline in outcome.baselines] == ["pb-1"]


async def test_hybrid_nodes_are_not_asked_for_associations_and_have_their_own_tags():
    sources = FakeSources(associations={}, tags={"mi-1": (("Owner", "me"),)})
    found, _ = await scanned({"mi-1": FakeNode([pages([])], [None])}, sources)
    assert "association" not in sources.asked
    assert found["mi-1"].tags == (("Owner", "me"),)


async def test_what_was_refused_is_named_once_and_the_nodes_are_read_all_the_same():
    sources = FakeSources(ec2=REFUSED, inventory=NotAsked("ssm:GetInventory is denied"))
    found, outcome = await scanned({"i-a": node(), "i-b": node()}, sources)
    assert {scan.status for scan in found.values()} == {NodeStatus.VERIFIED}
    assert outcome.not_asked == ("ec2:DescribeInstances is denied", "ssm:GetInventory is denied")


async def test_a_source_that_is_off_is_not_named():
    _, outcome = await scanned({"i-a": node()}, FakeSources())
    assert outcome.not_asked == ()


async def test_a_filter_by_ping_status_calls_no_machine_unmanaged():
    sources = FakeSources(ec2={"i-u": Instance("i-u", "running")})
    found, outcome = await scanned({"i-a": node()}, sources, nodes=NodeSettings(ping_statuses=("Online",)))
    assert set(found) == {"i-a"}
    assert outcome.not_asked == (LISTING_IS_FILTERED,)


async def test_a_filter_by_platform_calls_no_machine_unmanaged_or_stopped():
    sources = FakeSources(
        ec2={"i-u": Instance("i-u", "running"), "i-s": Instance("i-s", "stopped")},
        inventory=[InventoryNode("mi-1", "Stopped", ManagedNode("mi-1"))],
    )
    found, outcome = await scanned({"i-a": node()}, sources, nodes=NodeSettings(platform_types=("Linux",)))
    assert set(found) == {"i-a"}
    assert outcome.not_asked == (LISTING_IS_FILTERED,)


async def test_a_filter_by_tag_holds_for_machines_that_ssm_does_not_list():
    ec2 = {
        "i-x": Instance("i-x", "running", tags=(("Team", "web"), ("Env", "prod"))),
        "i-y": Instance("i-y", "running", tags=(("Team", "web"), ("Env", "dev"))),
        "i-z": Instance("i-z", "stopped"),
        "i-w": Instance("i-w", "running", tags=(("team", "web"), ("Env", "prod"))),
    }
    sources = FakeSources(ec2=ec2, inventory=[InventoryNode("mi-1", "Stopped", ManagedNode("mi-1"))])
    wanted = NodeSettings(tags={"Team": ("db", "web"), "Env": ("prod",)})
    found, outcome = await scanned({"i-a": node()}, sources, nodes=wanted)
    assert set(found) == {"i-a", "i-x"}
    assert outcome.not_asked == ()


async def test_a_required_source_that_is_refused_is_a_gap_of_the_target():
    refused = NotAsked("ec2:DescribeInstances is denied", Denied("ec2:DescribeInstances is denied"))
    found, outcome = await scanned({"i-a": node()}, FakeSources(ec2=refused))
    assert (outcome.status, outcome.reason) == ("denied", "ec2:DescribeInstances is denied")
    assert found["i-a"].status is NodeStatus.VERIFIED


async def test_a_required_source_that_only_a_node_without_patch_data_needs_is_a_gap_too():
    refused = NotAsked("ssm:ListAssociations is denied", Unavailable("ssm:ListAssociations is not answered"))
    nodes = {"i-a": node(), "i-b": FakeNode([pages([])], [None])}
    found, outcome = await scanned(nodes, FakeSources(associations=refused, known_baselines=[Baseline("pb-1")]))
    assert (outcome.status, outcome.reason) == ("failed", "ssm:ListAssociations is not answered")
    assert found["i-b"].status is NodeStatus.NO_PATCH_DATA
    assert outcome.not_asked == ("ssm:ListAssociations is denied",)


async def test_many_nodes_that_left_cost_one_further_look_at_ec2():
    class Leaving(FakeSources):
        async def instances(self, known=None):
            self.asked.append("instances")
            state = "running" if self.asked.count("instances") == 1 else "terminated"
            return {f"i-{number}": Instance(f"i-{number}", state) for number in range(6)}

    gone = {f"i-{n}": FakeNode([[NodeGone("InvalidInstanceId")]], [state_of("", ROWS)]) for n in range(6)}
    sources = Leaving()
    found, _ = await scanned(gone, sources)
    assert {scan.status for scan in found.values()} == {NodeStatus.GONE}
    assert sources.asked.count("instances") == 2


async def test_baselines_of_nodes_that_an_earlier_run_delivered_are_read_too():
    sources = FakeSources(known_baselines=[Baseline("pb-1"), Baseline("pb-2")])
    key = (HERE.account_id, HERE.region)
    _, outcome = await scanned({"i-a": node()}, sources, done={key: {"i-a"}}, done_baseline_ids={key: {"pb-2"}})
    assert [baseline.baseline_id for baseline in outcome.baselines] == ["pb-2"]


async def test_what_single_members_of_the_answers_could_not_be_read_is_named():
    sources = FakeSources(ec2={}, odd=[NotAsked("an instance without an id")])
    found, outcome = await scanned({"i-a": node()}, sources)
    assert found["i-a"].status is NodeStatus.VERIFIED
    assert (outcome.status, outcome.not_asked) == ("scanned", ("an instance without an id",))


async def test_what_ec2_shows_of_a_node_is_not_kept_once_the_node_has_ended():
    class Kept(FakeSources):
        async def instances(self, known=None):
            self.kept = await super().instances()
            return self.kept

    sources = Kept(ec2={name: Instance(name, "running", tags=(("Team", name),)) for name in ("i-a", "i-lost")})
    found, _ = await scanned({"i-a": node()}, sources)
    assert {name: (each.instance.state, each.tags) for name, each in found.items()} == {
        name: ("running", (("Team", name),)) for name in ("i-a", "i-lost")
    }
    assert not sources.kept


async def test_a_second_look_at_ec2_is_given_what_the_first_one_showed():
    class BreakingOff(FakeSources):
        async def instances(self, known=None):
            self.known = known
            return await super().instances() if known is None else dict(known)

    sources = BreakingOff(ec2={"i-a": Instance("i-a", "running")})
    found, _ = await scanned({"i-a": FakeNode([[NodeGone("InvalidInstanceId")]], [state_of("i-a", ROWS)])}, sources)
    assert found["i-a"].status is NodeStatus.FAILED
    assert list(sources.known) == ["i-a"]
