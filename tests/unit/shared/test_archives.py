"""Archives from strangers: what a directory may cost before it is known to be one."""

import io
import struct
import zipfile

import pytest

from shared.archives import ArchiveLimits, open_zip, zip_entries
from shared.errors import InvalidArchive, StorageUnavailable


def packed(names: list[str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return buffer.getvalue()


def test_as_many_entries_as_are_allowed_are_read() -> None:
    data = packed([f"somebody-{number:04}/a-photo-of-{number:04}.jpg" for number in range(1000)])
    assert len(zip_entries(io.BytesIO(data), ArchiveLimits(max_entries=1000))) == 1000


def test_a_directory_for_many_times_as_many_is_not_read() -> None:
    data = packed([f"{number:05}" for number in range(5000)])
    with pytest.raises(InvalidArchive, match="too many entries"):
        open_zip(io.BytesIO(data), 1000)


def test_a_directory_whose_length_is_hidden_in_the_other_format_is_not_read() -> None:
    """ZIP64 says the length elsewhere, whatever the ordinary record says."""
    plain = packed([f"{number:05}" for number in range(5000)])
    end = plain.rindex(b"PK\x05\x06")
    _, _, _, _, count, length, offset, _ = struct.unpack("<IHHHHIIH", plain[end : end + 22])
    record = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, count, count, length, offset)
    locator = struct.pack("<IIQI", 0x07064B50, 0, end, 1)
    hidden = plain[:end] + record + locator + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 1, 1, 60, offset, 0)
    with zipfile.ZipFile(io.BytesIO(hidden)) as archive:
        assert len(archive.infolist()) == 5000, "zipfile believes it"
    with pytest.raises(InvalidArchive, match="too many entries"):
        open_zip(io.BytesIO(hidden), 1000)


def test_a_store_that_cannot_be_reached_is_no_fault_of_the_archive() -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:  # noqa: ARG002
            raise StorageUnavailable("gone")

    with pytest.raises(StorageUnavailable):
        zip_entries(Failing(packed(["a.jpg"])))
