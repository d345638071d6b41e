"""Decodes SSM requests and makes the checks that the service makes before it looks at anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from msgspec import Struct, field

from scanner.simulator.api.replies import AwsFailure

MAX_PAGE = 50  # The model says 100; the service refuses more than 50
DEFAULT_PAGE = 10
MAX_IDS = 50
MAX_FILTERS = 5
_INSTANCE_ID = re.compile(r"(i-(\w{8}|\w{17}))|(mi-\w{17})")
_PATTERN = r"(^i-(\w{8}|\w{17})$)|(^mi-\w{17}$)"

R = TypeVar("R")


class Filter(Struct, frozen=True, rename="pascal"):
    """A key and the values of which one has to match."""

    key: str = ""
    values: tuple[str, ...] = ()


class OldFilter(Struct, frozen=True):
    """A filter of the older InstanceInformationFilterList."""

    key: str = ""
    values: tuple[str, ...] = field(default=(), name="valueSet")


class NodesRequest(Struct, rename="pascal"):
    """DescribeInstanceInformation."""

    filters: tuple[Filter, ...] = ()
    instance_information_filter_list: tuple[OldFilter, ...] = ()
    max_results: int | None = None
    next_token: str | None = None


class StatesRequest(Struct, rename="pascal"):
    """DescribeInstancePatchStates."""

    instance_ids: tuple[str, ...] = ()
    max_results: int | None = None
    next_token: str | None = None


class PatchesRequest(Struct, rename="pascal"):
    """DescribeInstancePatches."""

    instance_id: str = ""
    filters: tuple[Filter, ...] = ()
    max_results: int | None = None
    next_token: str | None = None


def decoder(kind: type[R]) -> Callable[[bytes], R]:
    """Returns a decoder of one kind of request; a body that does not fit is a SerializationException."""
    decode = msgspec.json.Decoder(kind).decode

    def read(body: bytes) -> R:
        try:
            return decode(body)
        except msgspec.DecodeError as error:
            raise AwsFailure("SerializationException", str(error)) from error

    return read


def check(complaints: Sequence[str | None]) -> None:
    """Refuses a request that is invalid, with all complaints at once, as the service does.

    Raises:
        AwsFailure: ValidationException.
    """
    found = [complaint for complaint in complaints if complaint is not None]
    if found:
        plural = "" if len(found) == 1 else "s"
        raise AwsFailure("ValidationException", f"{len(found)} validation error{plural} detected: {'; '.join(found)}")


def page_size_complaint(size: int | None, least: int = 10) -> str | None:
    if size is None or least <= size <= MAX_PAGE:
        return None
    bound = f"less than or equal to {MAX_PAGE}" if size > MAX_PAGE else f"greater than or equal to {least}"
    return _complaint(str(size), "maxResults", f"Member must have value {bound}")


def instance_id_complaint(instance_id: str) -> str | None:
    if _INSTANCE_ID.fullmatch(instance_id):
        return None
    return _complaint(instance_id, "instanceId", f"Member must satisfy regular expression pattern: {_PATTERN}")


def length_complaint(values: Sequence[object], name: str, most: int, least: int = 0) -> str | None:
    if least <= len(values) <= most:
        return None
    bound = f"less than or equal to {most}" if len(values) > most else f"greater than or equal to {least}"
    shown = f"[{', '.join(map(str, values))}]"
    return _complaint(shown, name, f"Member must have length {bound}")


def _complaint(value: str, name: str, constraint: str) -> str:
    return f"Value '{value}' at '{name}' failed to satisfy constraint: {constraint}"
