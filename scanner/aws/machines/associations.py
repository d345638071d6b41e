"""Reads what AWS-RunPatchBaselineAssociation left of a node: a compliance item with counts, never a list of patches.

Source: SSM user guide, "About the AWS-RunPatchBaselineAssociation document"; `DetailedText` by the node's own code of
2021, where every count is text. The ExecutionTime of an association is when the service aggregated it, so it is never
taken for the time of a scan.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import msgspec
from msgspec import Struct, structs

from scanner.aws.machines.ask import RULES, Ask, with_token
from scanner.aws.machines.cut_listings import OnCut, refuse_cut, until_cut
from scanner.aws.machines.odd_members import OnOdd, ignore_odd, readable
from scanner.aws.operations import LIST_ASSOCIATIONS, LIST_COMPLIANCE_ITEMS
from scanner.aws.requests.pagination import Page, pages
from scanner.aws.transport.decoding import decode
from scanner.core.machines import AssociationScan
from scanner.core.model import PatchState
from scanner.core.normalize import count_of_text, epoch_ms

DOCUMENT = "AWS-RunPatchBaselineAssociation"
_COUNTS = {
    "installed_count": "InstalledCount",
    "installed_other_count": "InstalledOtherCount",
    "installed_pending_reboot_count": "InstalledPendingRebootCount",
    "installed_rejected_count": "InstalledRejectedCount",
    "missing_count": "MissingCount",
    "failed_count": "FailedCount",
    "not_applicable_count": "NotApplicableCount",
    "unreported_not_applicable_count": "UnreportedNotApplicableCount",
}


class _Associations(Struct, rename="pascal"):
    associations: list[msgspec.Raw]
    next_token: str | None = None


class _Item(Struct, rename="pascal"):
    status: str | None = None
    details: dict[str, object] | None = None

    def detail(self, name: str) -> str | None:
        """Returns a member of the details; one that is no text is unknown."""
        value = (self.details or {}).get(name)
        return value if isinstance(value, str) else None

    @property
    def result(self) -> Mapping[str, str]:
        """Returns the members of `DetailedText`, each as text; none where it is absent or not what it should be.

        It is JSON in a text; where it comes as an object itself, nothing is lost.
        """
        text = (self.details or {}).get("DetailedText")
        try:
            members = msgspec.json.decode(text or "{}") if isinstance(text, str) else text
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return {}
        if not isinstance(members, dict):
            return {}
        return {str(name): str(value) for name, value in members.items() if value is not None}


class _Items(Struct, rename="pascal"):
    compliance_items: list[msgspec.Raw]
    next_token: str | None = None


_ASSOCIATIONS = msgspec.json.Decoder(_Associations)
_ITEMS = msgspec.json.Decoder(_Items)
_ITEM = msgspec.json.Decoder(_Item)


async def has_patch_association(ask: Ask, name: str) -> bool:
    """Returns whether the target has an association of the document: where it has none, no node need be asked.

    Args:
        ask: sends the requests of the target.
        name: the target, for messages.

    Raises:
        AwsError: the caller may not ask, or the listing cannot be read to its end.
    """
    payload = {"AssociationFilterList": [{"key": "Name", "value": DOCUMENT}], "MaxResults": 50}

    async def fetch(token: str | None) -> Page[msgspec.Raw]:
        answer = await ask(LIST_ASSOCIATIONS, with_token(payload, token), partial(decode, _ASSOCIATIONS))
        return Page(answer.associations, answer.next_token)

    async for page in pages(fetch, RULES, f"The associations of {name}"):
        if page:
            return True
    return False


async def association_scan(
    ask: Ask, instance_id: str, on_odd: OnOdd = ignore_odd, on_cut: OnCut = refuse_cut
) -> AssociationScan | None:
    """Returns what the document left of one node, or None where it left nothing.

    Args:
        ask: sends the requests of the target.
        instance_id: the node.
        on_odd: takes note of a compliance item that cannot be read.
        on_cut: takes note of a listing that breaks off; what it brought before is returned.

    Raises:
        AwsError: the caller may not ask, or the listing cannot be read.
    """
    payload = {
        "ResourceIds": [instance_id],
        "ResourceTypes": ["ManagedInstance"],
        "Filters": [{"Key": "ComplianceType", "Values": ["Association"], "Type": "EQUAL"}],
        "MaxResults": 50,
    }

    async def fetch(token: str | None) -> Page[_Item]:
        answer = await ask(LIST_COMPLIANCE_ITEMS, with_token(payload, token), partial(decode, _ITEMS))
        return Page(list(readable(answer.compliance_items, _ITEM, odd_item)), answer.next_token)

    def odd_item(_: msgspec.Raw) -> None:
        on_odd(LIST_COMPLIANCE_ITEMS, f"a compliance item of {instance_id}")

    newest: AssociationScan | None = None
    listing = pages(fetch, RULES, f"The compliance of {instance_id}")
    async for page in until_cut(listing, LIST_COMPLIANCE_ITEMS, on_cut):
        for item in page:
            if item.detail("DocumentName") == DOCUMENT:
                scan = _scan(instance_id, item)
                if newest is None or _ended(scan) >= _ended(newest):
                    newest = scan
    return newest


def _ended(scan: AssociationScan) -> int:
    return scan.state.operation_end_time or 0


def _scan(instance_id: str, item: _Item) -> AssociationScan:
    detail = item.result
    counts = {name: count_of_text(detail.get(member)) for name, member in _COUNTS.items()}
    operation = PatchState(
        instance_id=instance_id,
        patch_group=detail.get("PatchGroup") or None,
        baseline_id=(item.detail("PatchBaselineId") or "").rpartition("/")[2] or None,
        snapshot_id=detail.get("SnapshotId") or None,
        operation=detail.get("OperationType") or None,
        operation_start_time=epoch_ms(detail.get("OperationStartTime")),
        operation_end_time=epoch_ms(detail.get("OperationEndTime")),
    )
    return AssociationScan(instance_id, item.status or None, structs.replace(operation, **counts))
