"""What is sent with a batch is judged by what it is: archives that would burst, names that would lead somewhere."""

import io
import struct
import tracemalloc
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.batches.enrolment_input import photos_of
from gateway.batches.files import NOT_NAMED, clean_name, files_of, untaken
from gateway.batches.input import manifest_lines, wanted_of
from shared.archives import Read
from shared.errors import CorruptImage, InvalidArchive, InvalidField, StorageUnavailable, UnsupportedImage
from shared.file_names import HIDDEN
from shared.settings import LimitSettings

ENTRY_MARK = b"PK\x01\x02"  # begins every entry of a ZIP's directory
LIMITS = LimitSettings(batch_items=5, batch_bytes=100_000, image_bytes=50_000)


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def only(archive: bytes) -> Read:
    """How the one file in it is read."""
    [read] = files_of([], io.BytesIO(archive), LIMITS).readers.values()
    return read


def test_a_zip_bomb_is_refused_by_what_it_declares() -> None:
    bomb = packed({"a.jpg": b"\0" * 10_000_000}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < LIMITS.batch_bytes
    with pytest.raises(InvalidArchive, match="10,000,000"):
        files_of([], io.BytesIO(bomb), LIMITS)


@contextmanager
def taking_at_most(memory: int) -> Iterator[None]:
    """The body may have so many bytes more than there were, at any moment."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < memory
    finally:
        tracemalloc.stop()


def test_a_zip_bomb_that_lies_about_its_size_is_unpacked_no_further() -> None:
    honest = packed({"a.jpg": b"\0" * 30_000_000}, zipfile.ZIP_DEFLATED)
    lying = honest.replace(struct.pack("<L", 30_000_000), struct.pack("<L", 1_000))
    read = only(lying)
    with taking_at_most(1_000_000), pytest.raises(CorruptImage, match="cannot be unpacked"):
        read()


@pytest.mark.parametrize("line", [b"x y\n", b"\n", b"\r\n"])
def test_a_manifest_of_millions_of_lines_is_not_taken_apart(line: bytes) -> None:
    data = line * 1_000_000
    with taking_at_most(len(data) + 1_000_000), pytest.raises(InvalidField, match="from 1 to 5 lines"):
        manifest_lines(data, bytes, 5)


def test_empty_lines_of_a_manifest_are_passed_over() -> None:
    assert manifest_lines(b"\na\r\n\nb\n\n", lambda text: text.strip(), 5) == [(2, b"a"), (4, b"b")]


def test_a_member_beyond_the_limit_of_pictures_is_not_unpacked() -> None:
    read = only(packed({"a.jpg": b"x" * 60_000}))
    with pytest.raises(Exception, match="at most 50,000"):
        read()


def test_too_many_members_are_refused() -> None:
    with pytest.raises(InvalidField, match="at most 5"):
        files_of([], io.BytesIO(packed({f"{number}.jpg": b"x" for number in range(6)})), LIMITS)


def test_a_directory_of_very_many_entries_is_not_even_read() -> None:
    crowded = packed({f"{number:04}": b"" for number in range(1000)})
    with pytest.raises(InvalidArchive, match="too many"):
        files_of([], io.BytesIO(crowded), LIMITS)


def test_a_store_that_cannot_be_reached_is_no_fault_of_the_archive() -> None:
    class Failing(io.BytesIO):
        fails = False

        def read(self, size: int | None = -1) -> bytes:
            if self.fails:
                raise StorageUnavailable("gone")
            return super().read(size)

    file = Failing(packed({"a.jpg": b"x"}))
    [read] = files_of([], file, LIMITS).readers.values()
    file.fails = True
    with pytest.raises(StorageUnavailable):
        read()


def test_a_file_that_is_no_zip_is_refused() -> None:
    with pytest.raises(InvalidArchive, match="not a ZIP"):
        files_of([], io.BytesIO(b"PK but not really"), LIMITS)


def test_a_member_without_a_name_is_listed() -> None:
    nameless = packed({"a.jpg": b"x", "b.jpg": b"y"}).replace(b"a.jpg", b"\0.jpg")  # a name ends at its first zero
    found = files_of([], io.BytesIO(nameless), LIMITS)
    assert [file.name for file in found.files] == ["b.jpg"]
    assert [problem.reason for problem in found.left_out] == ["has no name"]


def test_an_encrypted_archive_is_refused() -> None:
    data = bytearray(packed({"a.jpg": b"x"}))
    data[data.index(ENTRY_MARK) + 8] |= 1
    with pytest.raises(InvalidArchive, match="encrypted"):
        files_of([], io.BytesIO(bytes(data)), LIMITS)


def test_a_member_packed_by_another_method_is_an_error_of_its_own() -> None:
    read = only(packed({"a.jpg": b"x"}, zipfile.ZIP_LZMA))
    with pytest.raises(Exception, match="store or deflate"):
        read()


def test_names_lead_nowhere() -> None:
    names = ["../../etc/passwd", "/root/a.jpg", "..\\..\\windows\\b.png", "c\n.jpg", ".."]
    found = files_of([(name, b"x") for name in names], None, LIMITS).files
    assert [file.shown for file in found] == ["etc/passwd", "root/a.jpg", "windows/b.png", "c\\n.jpg", "image"]


def test_ids_made_of_names_are_ids_and_differ() -> None:
    names = ["a b.jpg", "a-b.png", "A-b.webp", "Zoë.jpg", "写真.jpg", "-.jpg", "x" * 300 + "7.jpg"]
    ids = [one.custom_id for one in wanted_of(names)]
    assert ids[:6] == ["a-b", "a-b-2", "A-b-3", "Zoe", "image", "image-2"]
    assert ids[6].endswith("x7"), "names differ at their ends"
    assert all(len(one) <= 64 for one in ids)


def test_names_that_differ_in_case_only_are_told_apart_also_from_those_made() -> None:
    taken: dict[str, int] = {}
    found = [untaken(base, taken) for base in ("p1-2", "p1", "P1", "P1", "P1-2", "p2")]
    assert found == ["p1-2", "p1", "P1-3", "P1-4", "P1-2-2", "p2"]


def zip_of(names: list[str]) -> io.BytesIO:
    """Whatever is in the names, twice or not."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")
        for name in names:
            archive.writestr(name, b"x")
    return buffer


PIECES = st.sampled_from(
    [
        "ada",
        "Ada",
        "Zoe\u0308",
        "Zo\u00eb",
        "photos",
        ".",
        "..",
        "",
        "\\",
        "C:",
        "__MACOSX",
        ".hidden",
        "\u202e",
        "Пляж",
    ]
)
FILES = st.sampled_from(
    ["1.jpg", "a.PNG", "b.gif", "notes.txt", ".DS_Store", "Thumbs.db", "a.zip", "no suffix", "..jpg"]
)
NAMES = st.builds(lambda folders, file: "/".join([*folders, file]), st.lists(PIECES, max_size=4), FILES)
MANY = LimitSettings(batch_items=100)


@given(st.lists(NAMES, max_size=12))
def test_nobody_vanishes_from_an_archive(names: list[str]) -> None:
    found = files_of([], zip_of(names), MANY)
    photos = photos_of(found.files)
    assert len(photos) + len(found.left_out) == len(names)
    assert all(photo.person or photo.unclear for photo in photos)
    assert len({photo.custom_id for photo in photos}) == len(photos)


@given(st.lists(NAMES, max_size=12), st.sets(st.integers(0, 11)))
def test_nobody_vanishes_from_an_archive_with_a_manifest(names: list[str], chosen: set[int]) -> None:
    found = files_of([], zip_of(names), MANY, by_manifest=True)
    named = {clean_name(names[number]) for number in chosen if number < len(names)}
    taken = [name for name in found.readers if name in named]
    assert len(taken) + len(found.besides(named)) == len(names)


def test_a_file_that_a_manifest_does_not_name_is_listed() -> None:
    found = files_of([("a.jpg", b"x"), ("b.jpg", b"x"), (".DS_Store", b"x")], None, LIMITS, by_manifest=True)
    assert [(one.file, one.reason) for one in found.besides({"a.jpg"})] == [("b.jpg", NOT_NAMED), (".DS_Store", HIDDEN)]


def test_a_manifest_that_names_what_cannot_be_read_is_told_why() -> None:
    data = bytearray(packed({"a.jpg": b"x", "b.jpg": b"x"}))
    data[data.index(ENTRY_MARK) + 8] |= 1
    found = files_of([], io.BytesIO(bytes(data)), LIMITS, by_manifest=True)
    with pytest.raises(UnsupportedImage, match="is encrypted"):
        found.readers["a.jpg"]()
    assert found.besides({"a.jpg", "b.jpg"}) == []


def test_files_that_a_manifest_does_not_name_are_not_counted_as_pictures() -> None:
    files = {f"{number}.jpg": b"x" for number in range(6)} | {f"._{number}.jpg": b"x" for number in range(6)}
    found = files_of([], io.BytesIO(packed(files)), LIMITS, by_manifest=True)
    assert len(found.besides({"1.jpg"})) == 11
