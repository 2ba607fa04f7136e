"""What is sent with a batch is judged by what it is: archives that would burst, names that would lead somewhere."""

import io
import struct
import zipfile

import pytest

from gateway.batch_input import ENTRY_MARK, files_of, untaken, wanted_of
from shared.errors import InvalidArchive, InvalidField
from shared.settings import LimitSettings

LIMITS = LimitSettings(batch_items=5, batch_bytes=100_000, image_bytes=50_000)


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_a_zip_bomb_is_refused_by_what_it_declares() -> None:
    bomb = packed({"a.jpg": b"\0" * 10_000_000}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < LIMITS.batch_bytes
    with pytest.raises(InvalidArchive, match="10,000,000"):
        files_of([], bomb, LIMITS)


def test_a_zip_bomb_that_lies_about_its_size_is_read_no_further() -> None:
    honest = packed({"a.jpg": b"\0" * 1_000_000}, zipfile.ZIP_DEFLATED)
    lying = honest.replace(struct.pack("<L", 1_000_000), struct.pack("<L", 1_000))
    [read] = files_of([], lying, LIMITS).values()
    with pytest.raises(Exception, match="cannot be unpacked"):
        read()


def test_a_member_beyond_the_limit_of_pictures_is_not_unpacked() -> None:
    [read] = files_of([], packed({"a.jpg": b"x" * 60_000}), LIMITS).values()
    with pytest.raises(Exception, match="at most 50,000"):
        read()


def test_too_many_members_are_refused() -> None:
    with pytest.raises(InvalidField, match="at most 5"):
        files_of([], packed({f"{number}.jpg": b"x" for number in range(6)}), LIMITS)


def test_a_directory_of_very_many_entries_is_not_even_read() -> None:
    with pytest.raises(InvalidArchive, match="too many"):
        files_of([], ENTRY_MARK * 1000, LIMITS)


def test_a_file_that_is_no_zip_is_refused() -> None:
    with pytest.raises(InvalidArchive, match="not a ZIP"):
        files_of([], b"PK but not really", LIMITS)


def test_an_encrypted_archive_is_refused() -> None:
    data = bytearray(packed({"a.jpg": b"x"}))
    data[data.index(ENTRY_MARK) + 8] |= 1
    with pytest.raises(InvalidArchive, match="encrypted"):
        files_of([], bytes(data), LIMITS)


def test_a_member_packed_by_another_method_is_an_error_of_its_own() -> None:
    [read] = files_of([], packed({"a.jpg": b"x"}, zipfile.ZIP_LZMA), LIMITS).values()
    with pytest.raises(Exception, match="store or deflate"):
        read()


def test_names_lead_nowhere() -> None:
    names = ["../../etc/passwd", "/root/a.jpg", "..\\..\\windows\\b.png", "c\n.jpg", "..", "."]
    found = list(files_of([(name, b"x") for name in names[:5]], None, LIMITS))
    assert found == ["etc/passwd", "root/a.jpg", "windows/b.png", "c.jpg", "image"]


def test_ids_made_of_names_are_ids_and_differ() -> None:
    names = ["a b.jpg", "a-b.png", "A-b.webp", "Zoë.jpg", "写真.jpg", "-.jpg", "x" * 300 + ".jpg"]
    ids = [one.custom_id for one in wanted_of(names)]
    assert ids[:6] == ["a-b", "a-b-2", "A-b-3", "Zo", "image", "image-2"]
    assert all(len(one) <= 64 for one in ids)


def test_names_that_differ_in_case_only_are_told_apart_also_from_those_made() -> None:
    taken: dict[str, int] = {}
    found = [untaken(base, taken) for base in ("p1-2", "p1", "P1", "P1", "P1-2", "p2")]
    assert found == ["p1-2", "p1", "P1-3", "P1-4", "P1-2-2", "p2"]
