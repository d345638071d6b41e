"""The SSM answers as they come: permissive structs, decoded straight from the bytes. Unknown members are skipped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from scanner.aws.operations import Operation
from scanner.aws.transport.decoding import Undecodable, decode
from scanner.aws.transport.odd_patches import decode_by_row
from scanner.aws.transport.page_cache import PageCache
from scanner.aws.transport.patch_decoder import PatchDecoder
from scanner.aws.transport.row_members import MemberDecoder, RowMembers
from scanner.core.errors import Transient
from scanner.core.model import Target
from scanner.core.patch_rows import PatchPage, patch_page

#: Epoch seconds, ISO 8601 text, or nothing. Zero, negative and year 1 mean unknown.
Time = float | str | None
#: An `Integer` of the model has 32 bits; a number beyond them is no count, but a torn answer.
Count = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)] | None


class WirePatchState(Struct, rename="pascal", gc=False):
    """InstancePatchState."""

    instance_id: str
    patch_group: str | None = None
    baseline_id: str | None = None
    snapshot_id: str | None = None
    operation: str | None = None
    operation_start_time: Time = None
    operation_end_time: Time = None
    reboot_option: str | None = None
    installed_count: Count = None
    installed_other_count: Count = None
    installed_pending_reboot_count: Count = None
    installed_rejected_count: Count = None
    missing_count: Count = None
    failed_count: Count = None
    not_applicable_count: Count = None
    unreported_not_applicable_count: Count = None
    available_security_update_count: Count = None
    critical_non_compliant_count: Count = None
    security_non_compliant_count: Count = None
    other_non_compliant_count: Count = None
    last_no_reboot_install_operation_time: Time = None
    install_override_list: str | None = None


class WireNode(Struct, rename="pascal", gc=False):
    """InstanceInformation."""

    instance_id: str
    resource_type: str | None = None
    platform_type: str | None = None
    platform_name: str | None = None
    platform_version: str | None = None
    computer_name: str | None = None
    ip_address: str | None = msgspec.field(default=None, name="IPAddress")
    agent_version: str | None = None
    ping_status: str | None = None
    last_ping_date_time: Time = None
    name: str | None = None
    iam_role: str | None = None
    activation_id: str | None = None
    registration_date: Time = None
    association_status: str | None = None
    last_association_execution_date: Time = None
    last_successful_association_execution_date: Time = None
    source_type: str | None = None
    source_id: str | None = None
    source_location: str | None = None


R = TypeVar("R")
A = TypeVar("A")


class ErrorDocument(Struct):
    """An error in AWS JSON 1.1."""

    type: str = msgspec.field(default="", name="__type")
    message: str | None = None
    Message: str | None = None

    @property
    def text(self) -> str:
        """Returns the message in either spelling, or ""."""
        return (self.Message if self.message is None else self.message) or ""


class UndecodableRow(Struct, frozen=True):
    """A row of a listing that cannot be decoded, with the instance id if at least that can be read."""

    instance_id: str | None
    reason: str


class Rows(Struct, Generic[R], frozen=True):
    """One page of a listing; `odd` are rows of which the named members could not be decoded and count as absent."""

    rows: Sequence[R]
    next_token: str | None
    undecodable: Sequence[UndecodableRow] = ()
    odd: Sequence[RowMembers[R]] = ()


class _RowId(Struct, rename="pascal"):
    instance_id: str


class Listing(Generic[R]):
    """Decodes the pages of one listing of nodes, whole or, where that fails, row by row.

    Args:
        member: the member of the answer that holds the rows.
        row: the type of a row.
        by_member: whether a member that cannot be decoded costs itself alone, not its row: where no evidence is in it.
    """

    def __init__(self, member: str, row: type[R], *, by_member: bool = False) -> None:
        self._member = member
        self._pages = _page_decoder(member, row)
        self._raw_pages = _page_decoder(member, msgspec.Raw)
        # Counts that come as text or with a fraction of zero cost nothing.
        self._rows = msgspec.json.Decoder(row, strict=False)
        self._members = MemberDecoder(row) if by_member else None

    def decode(self, body: bytes) -> Rows[R]:
        """Returns a page.

        Raises:
            Undecodable: torn, not JSON, without its list, or with a row that cannot be decoded.
        """
        page = decode(self._pages, body)
        return Rows(getattr(page, self._member), page.NextToken)

    def decode_by_row(self, body: bytes) -> Rows[R]:
        """Returns a page with the rows that can be decoded and, apart, those that cannot or only in part.

        Raises:
            Undecodable: torn, not JSON, or without its list.
        """
        page = decode(self._raw_pages, body)
        rows, undecodable, odd = [], [], []
        for raw in getattr(page, self._member):
            try:
                rows.append(decode(self._rows, raw))
            except Undecodable as error:
                in_part = self._in_part(raw)
                if in_part is None:
                    undecodable.append(UndecodableRow(_instance_id(raw), str(error)))
                else:
                    odd.append(in_part)
        return Rows(rows, page.NextToken, undecodable, odd)

    def _in_part(self, raw: msgspec.Raw) -> RowMembers[R] | None:
        try:
            return self._members.decode(raw) if self._members else None
        except Undecodable:
            return None


def _page_decoder(member: str, row: type) -> msgspec.json.Decoder[Any]:
    """Returns the decoder of an answer with a list of rows and a token for the next page."""
    rows: tuple[str, Any] = (member, list[row])  # type: ignore[valid-type]  # known when this runs
    token: tuple[str, Any, Any] = ("NextToken", str | None, None)
    return msgspec.json.Decoder(msgspec.defstruct("Page", [rows, token]))


def _instance_id(raw: msgspec.Raw) -> str | None:
    try:
        return decode(_ROW_IDS, raw).instance_id
    except Undecodable:
        return None


_ROW_IDS = msgspec.json.Decoder(_RowId)
_ERROR_DOCUMENTS = msgspec.json.Decoder(ErrorDocument)
_PATCHES = PatchDecoder()
PATCH_STATES = Listing("InstancePatchStates", WirePatchState)
NODES = Listing("InstanceInformationList", WireNode, by_member=True)


def decode_patches(body: bytes) -> PatchPage:
    """Returns one page of DescribeInstancePatches; a row that cannot be decoded is set apart.

    Raises:
        Undecodable: torn, not JSON, or without its list of rows.
    """
    return _PAGES.decode(body)


def _decode_patches(body: bytes) -> PatchPage:
    try:
        answer = decode(_PATCHES, body)
    except Undecodable:
        return decode_by_row(body)
    return patch_page(answer.patches, answer.next_token or None)


#: One for the process: nodes of all targets list the same pages.
_PAGES = PageCache(_decode_patches)


def decode_error(body: bytes) -> ErrorDocument:
    """Returns the error document of an answer, an empty one where the body is none."""
    try:
        return decode(_ERROR_DOCUMENTS, body)
    except Undecodable:
        return ErrorDocument()


def decode_answer(decode_body: Callable[[bytes], A], body: bytes, operation: Operation, at: Target) -> A:
    """Returns a decoded answer.

    Raises:
        Transient: it is torn, not JSON, or not what the operation answers: a proxy's page, or half an answer.
    """
    try:
        return decode_body(body)
    except Undecodable as error:
        raise Transient(
            f"{operation} in account {at.account_id}, Region {at.region}, failed: the answer is torn or not one of "
            f"AWS ({error})"
        ) from error
