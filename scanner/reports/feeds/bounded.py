"""Reads files from outside in bounded memory: a file or an archive may be larger than it looks, or broken."""

from __future__ import annotations

import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Self

from msgspec import Struct

MIB = 1024 * 1024
_GZIP = b"\x1f\x8b"
_ZIPS = (b"PK\x03\x04", b"PK\x05\x06")  # the second is one without members
_PACKED = (b"BZh", b"\xfd7zX")  # bzip2 and xz, read as the wrapping of a tar file only
#: What archive readers raise for bytes that are damaged, cut off or encrypted.
_DAMAGED = (
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)


#: Members of a tar file that only describe the next one, such as by a long name. tarfile reads each whole.
_HEADERS = frozenset({tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, b"X"})
_LONGEST_HEADER = MIB


class UnreadableError(ValueError):
    """The bytes cannot be read; the text says why, to follow "is not …: "."""


class Bounds(Struct, frozen=True):
    """How much is unpacked. Canonical's archive of all releases has about 70,000 records and 7 GB, one up to 12 MB."""

    document_bytes: int = 256 * MIB
    archive_bytes: int = 64 * 1024 * MIB
    members: int = 2_000_000


def read_whole(stream: BinaryIO, bounds: Bounds) -> bytes:
    """Returns the bytes of one document, unpacked where they are gzip.

    Raises:
        UnreadableError: it is larger than a document may be, or the gzip data is damaged or cut off.
    """
    start = stream.read(2)
    stream.seek(0)
    try:
        if start == _GZIP:
            with gzip.GzipFile(fileobj=stream) as unpacked:
                return _bounded(unpacked.read(bounds.document_bytes + 1), bounds)
        return _bounded(stream.read(bounds.document_bytes + 1), bounds)
    except _DAMAGED as error:
        if isinstance(error, UnreadableError):
            raise
        raise UnreadableError(f"the compressed data is damaged or cut off ({error}); download it again") from error


def read_documents(stream: BinaryIO, name: str, bounds: Bounds) -> Iterator[tuple[str, bytes]]:
    """Yields name and bytes of each JSON file in a zip or tar archive, or the one document that is no archive.

    Raises:
        UnreadableError: the archive is damaged, or holds more than `bounds` allows.
    """
    start = stream.read(4)
    stream.seek(0)
    if start in _ZIPS:
        yield from _guarded(_zip_members(stream, bounds))
    elif _is_tar(stream):
        yield from _guarded(_tar_members(stream, bounds))
    elif start.startswith(_PACKED):
        raise UnreadableError("it is no whole tar archive, and alone only gzip is read; download it again or unpack it")
    else:
        yield name, read_whole(stream, bounds)


def _is_tar(stream: BinaryIO) -> bool:
    try:
        _open_tar(stream).close()
    except UnreadableError:
        return True
    except _DAMAGED:
        return False
    else:
        return True
    finally:
        stream.seek(0)


def _open_tar(stream: BinaryIO) -> tarfile.TarFile:
    return tarfile.open(fileobj=stream, mode="r|*", tarinfo=_BoundedMember)


def _guarded(members: Iterator[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    try:
        yield from members
    except UnreadableError:
        raise
    except _DAMAGED as error:
        raise UnreadableError(f"the archive is damaged or cut off ({error}); download it again") from error


def _zip_members(stream: BinaryIO, bounds: Bounds) -> Iterator[tuple[str, bytes]]:
    unpacked = 0
    with zipfile.ZipFile(stream) as archive:
        for number, member in enumerate(archive.infolist()):
            if not member.filename.endswith(".json"):
                continue
            with archive.open(member) as file:
                data = _bounded(file.read(bounds.document_bytes + 1), bounds)
            unpacked += len(data)
            _check_archive(number, unpacked, bounds)
            yield member.filename, data


def _tar_members(stream: BinaryIO, bounds: Bounds) -> Iterator[tuple[str, bytes]]:
    unpacked = 0
    with _open_tar(stream) as archive:
        for number, member in enumerate(archive):
            # A member that is not wanted is unpacked too on the way to the next one.
            unpacked += member.size
            _check_archive(number, unpacked, bounds)
            # A streamed archive keeps every member that it has met.
            archive.members = []  # type: ignore[attr-defined]  # not in the stubs; the documented way to save memory
            file = archive.extractfile(member) if member.isreg() and member.name.endswith(".json") else None
            if file is not None:
                yield member.name, _bounded(file.read(bounds.document_bytes + 1), bounds)


class _BoundedMember(tarfile.TarInfo):
    """A member whose description is no longer than any honest one: a name of gigabytes would be read into memory.

    An archive that is cut off or damaged between two members is an error; tarfile takes it for the end.
    """

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # not in the stubs: the block of zeros at the end
            raise
        except tarfile.HeaderError as error:
            if not archive.offset:
                raise  # it is no tar file
            raise UnreadableError(f"the archive is damaged or cut off ({error}); download it again") from error

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _HEADERS and self.size > _LONGEST_HEADER:
            raise UnreadableError(f"a name in the archive has {self.size:,} bytes")
        member: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]  # not in the stubs
        return member


def _check_archive(number: int, unpacked: int, bounds: Bounds) -> None:
    if number >= bounds.members or unpacked > bounds.archive_bytes:
        raise UnreadableError(f"the archive holds more than {bounds.members:,} files or {bounds.archive_bytes:,} bytes")


def _bounded(data: bytes, bounds: Bounds) -> bytes:
    if len(data) > bounds.document_bytes:
        raise UnreadableError(f"a file of more than {bounds.document_bytes:,} bytes is not read")
    return data
