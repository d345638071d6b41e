"""Reads the SDK's models of the services, and keeps of each only what the operations in use need.

The model of EC2 alone describes 705 operations in 3,694 shapes, of which 2 and 96 are needed. Read whole, as the SDK
does it, it takes 60 ms of CPU and 17 MB, and each client of a Region 8 ms instead of 2 for the methods it never calls.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from botocore.loaders import JSONFileLoader, Loader, create_loader
from msgspec import Raw

from scanner.aws.operations import OPERATIONS
from scanner.aws.sdk.endpoint_data import endpoint_data
from scanner.core.foreign_bytes import ForeignBytesError, decode_json

Model = dict[str, Any]

_READERS: dict[str, Callable[[Path], bytes]] = {
    ".json": Path.read_bytes,
    ".json.gz": lambda path: gzip.decompress(path.read_bytes()),
}
_SERVICE_MODEL = "service-2"
_ENDPOINTS = "endpoints"
#: Services of which nothing but the operations in the list is called. STS is not one: credential providers call more.
#: Nor is the tagging API, whose model is small and goes by another name than its IAM actions.
_REDUCED = frozenset(operation.service for operation in OPERATIONS) - {"sts", "tag"}


def model_loader(data_path: str | None) -> Loader:
    """Returns a loader of models from the SDK, from `~/.aws/models`, and from the folders that AWS_DATA_PATH names."""
    folders = create_loader(data_path).search_paths
    return _Models(extra_search_paths=folders, include_default_search_paths=False, file_loader=ModelFiles())


class _Models(Loader):
    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - of any type
        """Returns the services with any model; the SDK looks into each of 400 folders, which takes 20 ms.

        Whether a service has a model of the type shows when it is read.
        """
        folders = (Path(folder) for folder in self.search_paths)
        return sorted({each.name for folder in folders if folder.is_dir() for each in folder.iterdir()})


class ModelFiles(JSONFileLoader):
    """Reads one file of models at a time."""

    def load_file(self, file_path: str) -> Model | None:
        """Returns the content of the file with this path and a suffix; None if there is none.

        Raises:
            ForeignBytesError: it is no JSON object, or a model without an operation in use; names the file.
        """
        path = Path(file_path)
        for suffix, read in _READERS.items():
            file = path.with_name(path.name + suffix)
            try:
                return _model(path, read(file))
            except FileNotFoundError:
                continue
            except (OSError, EOFError, zlib.error, ForeignBytesError) as error:
                raise ForeignBytesError(f"{file} cannot be used: {error}") from error
        return None


def _model(path: Path, data: bytes) -> Model:
    service = path.parent.parent.name
    if path.name == _SERVICE_MODEL and service in _REDUCED:
        return reduced(data, {each.name for each in OPERATIONS if each.service == service})
    if path.name == _ENDPOINTS:
        return endpoint_data(data)
    return decode_json(data, dict)


def reduced(model: bytes, operations: Collection[str]) -> Model:
    """Returns the model of a service with these of its operations, and the shapes that they refer to.

    Nothing else of it is decoded, which would take twice the CPU.

    Raises:
        ForeignBytesError: it is no model of a service, or lacks one of the operations.
    """
    parts = decode_json(model, dict[str, Raw])
    kept = {name: decode_json(each, dict) for name, each in _members(parts, "operations") if name in operations}
    if missing := sorted(set(operations) - kept.keys()):
        raise ForeignBytesError(f"it has no operation {missing[0]}")
    encoded, shapes = dict(_members(parts, "shapes")), {}
    waiting = list(_references(kept))
    while waiting:
        name = waiting.pop()
        if name not in shapes:
            shapes[name] = decode_json(encoded.get(name, b""), dict)
            waiting += _references(shapes[name])
    rest = {name: decode_json(part, object) for name, part in parts.items() if name not in {"operations", "shapes"}}
    return {**rest, "operations": kept, "shapes": shapes}


def _members(parts: Mapping[str, Raw], name: str) -> Iterable[tuple[str, Raw]]:
    return decode_json(parts.get(name, b""), dict[str, Raw]).items()


def _references(part: object) -> Iterator[str]:
    """Yields the names of the shapes that a part of a model refers to."""
    if isinstance(part, Mapping):
        if isinstance(shape := part.get("shape"), str):
            yield shape
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)
