"""Asks a target's further sources about its machines: implements `MachineSources`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TypeVar

from scanner.aws.machines.ask import Ask
from scanner.aws.machines.associations import association_scan, has_patch_association
from scanner.aws.machines.baselines import baseline, identities
from scanner.aws.machines.cut_listings import cut_sentence, until_cut
from scanner.aws.machines.host_management import is_host_management_on
from scanner.aws.machines.instance_pages import instance_pages
from scanner.aws.machines.inventory import STOPPED, inventory_nodes
from scanner.aws.machines.probe import SourceProbe
from scanner.aws.machines.tags import hybrid_tags
from scanner.aws.operations import DESCRIBE_INSTANCES, GET_INVENTORY, Operation
from scanner.aws.requests.pagination import PagingRules
from scanner.aws.target_requests import TargetRequests
from scanner.core.baselines import Baseline, short_id
from scanner.core.errors import AwsError, Denied, RequestRejected
from scanner.core.instances import Instance, Tags
from scanner.core.machines import UNREADABLE, AssociationScan, InventoryNode, NotAsked, SourceCheck
from scanner.core.packed_values import PackedValues
from scanner.core.settings import CoverageSettings, SourceUse

T = TypeVar("T")

NOTHING_KNOWN: Mapping[str, Instance] = MappingProxyType({})
MAX_INSTANCE_PAGES = 10_000
MAX_ODD_NAMED = 3  # members that cannot be read, by name; the others are counted


class TargetSources:
    """The sources of one target; each is a few requests, sent when they are first needed."""

    def __init__(
        self,
        ssm: TargetRequests,
        ec2: Callable[[], Awaitable[TargetRequests]],
        tagging: Callable[[], Awaitable[TargetRequests]],
        coverage: CoverageSettings,
        max_restarts: int,
    ) -> None:
        self._ssm = ssm
        self._ec2 = ec2
        self._tagging = tagging
        self._coverage = coverage
        self._rules = PagingRules(MAX_INSTANCE_PAGES, max_restarts)
        self._has_association: bool | NotAsked | None = None
        self._name = str(ssm.target)
        self._odd: dict[Operation, dict[str, None]] = {}
        self._unread: dict[str, NotAsked] = {}

    async def instances(
        self, known: Mapping[str, Instance] = NOTHING_KNOWN
    ) -> MutableMapping[str, Instance] | NotAsked:
        """Returns the EC2 instances by id, those that a service of AWS manages too."""
        use = self._coverage.ec2

        async def read() -> MutableMapping[str, Instance]:
            found = PackedValues[Instance](Instance)

            def note_cut(operation: Operation, error: AwsError | RequestRejected) -> None:
                self._note_cut(use, operation, error)
                found.update({key: instance for key, instance in known.items() if key not in found})

            listing = instance_pages((await self._ec2()).ask, self._rules, self._name, self.note_odd)
            async for page in until_cut(listing, DESCRIBE_INSTANCES, note_cut):
                for instance in page:
                    found[instance.instance_id] = instance
            return found

        return await self._asked(use, read)

    async def is_host_management_on(self) -> bool | NotAsked:
        """Returns whether instances without an instance profile become managed nodes too."""
        return await self._asked(self._coverage.ec2, lambda: is_host_management_on(self._ssm.ask))

    async def stopped_nodes(self, instance_ids: Collection[str]) -> Sequence[InventoryNode] | NotAsked:
        """Returns the nodes that SSM Inventory calls stopped, and what it keeps of those with these ids."""
        use = self._coverage.inventory

        async def read() -> list[InventoryNode]:
            nodes = inventory_nodes(self._ssm.ask, self._name, self.note_odd, is_wanted)
            listing = until_cut(nodes, GET_INVENTORY, partial(self._note_cut, use))
            return [node async for page in listing for node in page]

        def is_wanted(instance_id: str, status: str | None) -> bool:
            return status == STOPPED or instance_id in instance_ids

        return await self._asked(use, read)

    async def hybrid_tags(self) -> Mapping[str, Tags] | NotAsked:
        """Returns the tags of hybrid nodes by instance id."""
        use = self._coverage.tags

        async def read() -> Mapping[str, Tags]:
            tagging = (await self._tagging()).ask
            return await hybrid_tags(tagging, self._name, self.note_odd, partial(self._note_cut, use))

        return await self._asked(use, read)

    async def association_scan(self, instance_id: str) -> AssociationScan | NotAsked | None:
        """Returns what AWS-RunPatchBaselineAssociation left of a node; None: nothing."""
        use = self._coverage.associations
        if self._has_association is None:
            self._has_association = await self._asked(use, lambda: has_patch_association(self._ssm.ask, self._name))
        if isinstance(self._has_association, NotAsked):
            return self._has_association
        if not self._has_association:
            return None
        note_cut = partial(self._note_cut, use)
        return await self._asked(use, lambda: association_scan(self._ssm.ask, instance_id, self.note_odd, note_cut))

    async def baselines(self, baseline_ids: Collection[str]) -> Sequence[Baseline] | NotAsked:
        """Returns the baselines with these short ids, as far as AWS has them."""
        use = self._coverage.baselines

        async def read() -> list[Baseline]:
            known = await identities(self._ssm.ask, self._name, self.note_odd, partial(self._note_cut, use))
            wanted = sorted(known.keys() & set(map(short_id, baseline_ids)))
            answers = [await self._baseline(known[each][0], is_default=known[each][1]) for each in wanted]
            return [answer for answer in answers if answer is not None]

        return await self._asked(use, read)

    async def _baseline(self, full_id: str, *, is_default: bool | None) -> Baseline | None:
        """Returns one baseline; one that cannot be read, or was deleted since it was listed, costs itself alone."""
        use = self._coverage.baselines
        answer = await self._asked(use, lambda: baseline(self._ssm.ask, full_id, is_default=is_default))
        if not isinstance(answer, NotAsked):
            return answer
        # A baseline that was deleted meanwhile is no refusal, and so no gap where the source is required.
        is_deleted = answer.gap is not None and answer.gap.code == "DoesNotExistException"
        self._unread[str(answer.reason)] = NotAsked(answer.reason) if is_deleted else answer
        return None

    def unread(self) -> Sequence[NotAsked]:
        """Returns what of the answers so far could not be read: single members, and the ends of listings."""
        where = f"in account {self._ssm.target.account_id}, Region {self._ssm.target.region},"
        odd = [NotAsked(f"{operation} {where} answered {_first(names)}") for operation, names in self._odd.items()]
        return [*odd, *self._unread.values()]

    def note_odd(self, operation: Operation, name: str) -> None:
        """Takes note of a member of an answer that cannot be read, by name."""
        self._odd.setdefault(operation, {})[name] = None

    def _note_cut(self, use: SourceUse, operation: Operation, error: AwsError | RequestRejected) -> None:
        sentence = cut_sentence(operation, self._ssm.target, error)
        self._unread[sentence] = NotAsked(sentence, _gap(error, use))

    async def refused(self, instance_id: str | None) -> Sequence[SourceCheck]:
        """Tries each kind of request once; returns those that do not work."""

        async def ec2() -> Ask:
            return (await self._ec2()).ask

        async def tagging() -> Ask:
            return (await self._tagging()).ask

        probe = SourceProbe(self._ssm.ask, ec2, tagging, self._coverage, self._rules, self._name)
        return await probe.checks(instance_id)

    async def _asked(self, use: SourceUse, read: Callable[[], Awaitable[T]]) -> T | NotAsked:
        if use == "off":
            return NotAsked()
        try:
            return await read()
        except (AwsError, RequestRejected) as error:
            return NotAsked(str(error), _gap(error, use))


def _gap(error: AwsError | RequestRejected, use: SourceUse) -> AwsError | None:
    """Returns what a target ends with where the source is required.

    A request that AWS calls wrong is the source's own trouble, and no reason to stop the run.
    """
    refusal = error if isinstance(error, AwsError) else Denied(str(error))
    return refusal if use == "required" else None


def _first(names: Collection[str]) -> str:
    """Returns the first names, and how many more there are, in words that the lines of the summary know."""
    more = len(names) - MAX_ODD_NAMED
    shown = ", ".join(list(names)[:MAX_ODD_NAMED])
    return f"{UNREADABLE}: {shown}" + (f" and {more} more" if more > 0 else "")
