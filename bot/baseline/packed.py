"""The one-entry zip that a run is kept in as an artifact, and the compressed file on the data branch."""

import gzip
import io
import zipfile
import zlib

from bot.baseline.store import MAX_BYTES
from bot.model.errors import FormatError

ENTRY = "run.json"
LINK = 0xA
PLAIN_FLAGS = 0x808
"""A data descriptor after the entry, and a name in UTF-8: all that an honest writer sets (APPNOTE.TXT 4.4.4)."""


def one_entry(data: bytes, entry: str = ENTRY) -> bytes:
    """A zip with the one entry that a baseline artifact has; the same bytes for the same data."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(entry), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def only_entry(data: bytes, name: str, entry: str = ENTRY, largest: int = MAX_BYTES) -> bytes:
    """The one entry of a baseline artifact. Nothing is ever unpacked to a path.

    Raises:
        FormatError: not a zip, other entries, a link, something before or after the entry, locked, or larger than a
            baseline can be (declared or real).
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if [each.filename for each in entries] != [entry] or (entries[0].external_attr >> 28) == LINK:
                raise FormatError(f"{name}: expected exactly one entry {entry!r}")
            only = entries[0]
            if only.header_offset != 0 or archive.comment or only.flag_bits & ~PLAIN_FLAGS:
                raise FormatError(f"{name}: there is more in the zip than its one entry")
            if only.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise FormatError(f"{name}: packed in a way that is not ours")
            if only.file_size > largest:
                raise FormatError(f"{name}: says that it unpacks to {only.file_size:,} bytes, more than {largest:,}")
            with archive.open(only) as file:
                content = file.read(largest + 1)
    except (
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
        RuntimeError,
        EOFError,
        OSError,
        ValueError,
        OverflowError,
        IndexError,
        MemoryError,
    ) as error:
        raise FormatError(f"{name}: not a zip that can be read: {str(error)[:200]}") from None
    if len(content) > largest:
        raise FormatError(f"{name}: unpacks to more than {largest:,} bytes")
    return content


def pressed(data: bytes) -> bytes:
    """Gzip without a time: the same bytes for the same data."""
    return gzip.compress(data, mtime=0)


def unpressed(data: bytes, name: str) -> bytes:
    """What was pressed.

    Raises:
        FormatError: not one whole gzip stream, or it unpacks to more than a baseline can be.
    """
    machine = zlib.decompressobj(wbits=31)
    try:
        content = machine.decompress(data, MAX_BYTES + 1)
    except zlib.error as error:
        raise FormatError(f"{name}: not compressed as we do: {error}") from None
    if len(content) > MAX_BYTES:
        raise FormatError(f"{name}: unpacks to more than {MAX_BYTES:,} bytes")
    if not machine.eof or machine.unused_data:
        raise FormatError(f"{name}: not one whole compressed file")
    return content
