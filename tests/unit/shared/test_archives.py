"""Archives from strangers: what a directory may cost before it is known to be one, and that no file of it vanishes."""

import io
import os
import struct
import tracemalloc
import warnings
import zipfile
import zlib
from pathlib import Path

import pytest

from shared.archives import (
    EMPTY_FOLDER,
    ENCRYPTED,
    LINK,
    LOOP,
    NOWHERE,
    SPECIAL,
    TWICE,
    ArchiveLimits,
    FileProblem,
    folder_contents,
    open_zip,
    zip_contents,
)
from shared.errors import InvalidArchive, StorageUnavailable
from shared.faces.folders import people_of
from shared.file_names import HIDDEN, NO_PHOTO


def packed(names: list[str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return buffer.getvalue()


def test_as_many_entries_as_are_allowed_are_read() -> None:
    data = packed([f"somebody-{number:04}/a-photo-of-{number:04}.jpg" for number in range(1000)])
    assert len(zip_contents(io.BytesIO(data), ArchiveLimits(max_entries=1000)).files) == 1000


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
        zip_contents(Failing(packed(["a.jpg"])))


def with_entries(*entries: tuple[zipfile.ZipInfo | str, bytes]) -> io.BytesIO:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")
        for entry, data in entries:
            archive.writestr(entry, data)
    return buffer


def of_kind(name: str, mode: int) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.external_attr = mode << 16
    return made


def test_whatever_is_left_out_of_a_zip_is_listed_with_its_reason() -> None:
    found = zip_contents(
        with_entries(
            (".DS_Store", b"x"),
            ("ada/1.jpg", b"x"),
            ("./ada/1.jpg", b"y"),
            (of_kind("ada/2.jpg", 0o120777), b"/etc/passwd"),
            (of_kind("ada/3.jpg", 0o010644), b""),
            ("bob/", b""),
            ("ada/", b""),
        )
    )
    assert [file.name for file in found.files] == ["ada/1.jpg"]
    assert [(problem.file, problem.reason) for problem in found.left_out] == [
        ("ada/1.jpg", TWICE),
        ("ada/2.jpg", LINK),
        ("ada/3.jpg", SPECIAL),
        ("bob/", EMPTY_FOLDER),
        (".DS_Store", HIDDEN),
    ]
    assert found.files[0].read() == b"x"


def test_one_encrypted_file_is_left_out_and_an_encrypted_archive_is_refused() -> None:
    data = bytearray(packed(["a.jpg", "b.jpg"]))
    first = data.index(b"PK\x01\x02")
    data[first + 8] |= 1
    assert zip_contents(io.BytesIO(bytes(data))).left_out == (FileProblem("a.jpg", ENCRYPTED),)
    data[data.index(b"PK\x01\x02", first + 1) + 8] |= 1
    with pytest.raises(InvalidArchive, match="encrypted"):
        zip_contents(io.BytesIO(bytes(data)))


def entry_named(raw: bytes, *, extra: bytes = b"") -> io.BytesIO:
    """A ZIP of one file, whose name is these bytes without a word about their encoding."""
    made = zipfile.ZipInfo("X" * len(raw))
    made.extra = extra
    return io.BytesIO(with_entries((made, b"x")).getvalue().replace(b"X" * len(raw), raw))


def test_a_name_in_utf_8_is_read_whether_its_archiver_says_so_or_not() -> None:
    name = "Köln/写真.jpg"
    for archive in (with_entries((name, b"x")), entry_named(name.encode())):
        (file,) = zip_contents(archive).files
        assert (file.name, file.read()) == (name, b"x")


def test_a_name_in_an_old_code_page_is_read() -> None:
    (file,) = zip_contents(entry_named("Köln.jpg".encode("cp437"))).files
    assert file.name == "Köln.jpg"


def test_a_name_that_is_given_in_unicode_beside_another_is_taken() -> None:
    raw, name = b"K?ln.jpg", "Köln.jpg".encode()
    content = b"\1" + zlib.crc32(raw).to_bytes(4, "little") + name
    field = struct.pack("<HH", 0x7075, len(content)) + content
    assert zip_contents(entry_named(raw, extra=field)).files[0].name == "Köln.jpg"
    stale = field.replace(zlib.crc32(raw).to_bytes(4, "little"), b"\0\0\0\0")
    assert zip_contents(entry_named(raw, extra=stale)).files[0].name == "K?ln.jpg"


def test_whatever_is_left_out_of_a_folder_is_listed_with_its_reason(tmp_path: Path) -> None:
    for name in ("ada/photos/1.jpg", "ada/notes.txt", ".hidden.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "bob").symlink_to(tmp_path / "ada")
    (tmp_path / "ada" / "again").symlink_to(tmp_path)
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "eve").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    found = folder_contents(tmp_path, 10)
    assert [file.name for file in found.files] == ["ada/photos/1.jpg", "bob/photos/1.jpg"]
    assert {(problem.file, problem.reason) for problem in found.left_out} == {
        (".hidden.jpg", HIDDEN),
        ("ada/again/", LOOP),
        ("ada/notes.txt", NO_PHOTO),
        ("bob/again/", LOOP),
        ("bob/notes.txt", NO_PHOTO),
        ("eve/", EMPTY_FOLDER),
        ("gone.jpg", NOWHERE),
        ("pipe.jpg", SPECIAL),
    }


def test_a_name_of_thousands_of_parts_takes_no_more_memory_than_its_letters() -> None:
    deep = with_entries(("x/" * 30_000 + "1.jpg", b"x"), ("x/" * 30_000, b""), ("y/", b""))
    tracemalloc.start()
    found = zip_contents(deep)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()
    assert [problem.file for problem in found.left_out] == ["y/"]
    assert people_of([file.parts for file in found.files])


@pytest.mark.parametrize("name", ["photo", "1.JPG_large", "2026.05.01 door", "IMG.0001"])
def test_a_name_that_tells_nothing_is_judged_by_what_is_in_the_file(name: str, tmp_path: Path) -> None:
    data = {f"1 {name}": b"\xff\xd8\xff\xe0 and so on", f"2 {name}": b"words", f"3 {name}.txt": b"\xff\xd8\xff\xe0"}
    for file, content in data.items():
        (tmp_path / file).write_bytes(content)
    for found in (zip_contents(with_entries(*data.items())), folder_contents(tmp_path, 100)):
        assert [file.name for file in found.files] == [f"1 {name}"]
        assert [problem.reason for problem in found.left_out] == [NO_PHOTO, NO_PHOTO]


def test_a_damaged_file_whose_name_tells_nothing_is_left_out() -> None:
    data = with_entries(("bare", b"\xff\xd8\xff\xe0")).getvalue().replace(b"PK\x03\x04", b"PK\x03\x05", 1)
    assert [problem.reason for problem in zip_contents(io.BytesIO(data)).left_out] == [NO_PHOTO]
