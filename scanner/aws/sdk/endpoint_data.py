"""What the SDK knows of the endpoints of AWS's services, decoded for the services that are called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Raw

from scanner.core.foreign_bytes import decode_json


class ServiceEndpoints(Mapping[str, Any]):
    """The services of one partition by name, each decoded when it is first looked up.

    The SDK's file has 1,000 of them in 55,000 objects, which take 5 MB; a scan looks up six.
    """

    def __init__(self, encoded: Mapping[str, Raw]) -> None:
        self._encoded = encoded
        self._decoded: dict[str, object] = {}

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - it is JSON, of which the SDK knows the form
        if name not in self._decoded:
            self._decoded[name] = decode_json(self._encoded[name], object)
        return self._decoded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._encoded

    def __iter__(self) -> Iterator[str]:
        return iter(self._encoded)

    def __len__(self) -> int:
        return len(self._encoded)


def endpoint_data(data: bytes) -> dict[str, Any]:
    """Returns the content of `endpoints.json`, its services as `ServiceEndpoints`.

    Raises:
        ForeignBytesError: it is not what the SDK reads.
    """
    parts = decode_json(data, dict[str, Raw])
    rest = {name: decode_json(part, object) for name, part in parts.items() if name != "partitions"}
    partitions = decode_json(parts.get("partitions", b""), list[dict[str, Raw]])
    return {**rest, "partitions": [_partition(each) for each in partitions]}


def _partition(parts: Mapping[str, Raw]) -> dict[str, object]:
    rest = {name: decode_json(part, object) for name, part in parts.items() if name != "services"}
    return {**rest, "services": ServiceEndpoints(decode_json(parts.get("services", b""), dict[str, Raw]))}
