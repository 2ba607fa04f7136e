import io
import os
import zipfile
from pathlib import Path

import pytest

from shared.errors import CorruptImage, EmptyImage, ImageTooLarge, InvalidArchive
from shared.ml.face.people import ArchiveLimits, PhotoCollection, read_folder, read_zip


def zipped(entries: dict[str, bytes]) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return file


def written(folder: Path, entries: dict[str, bytes]) -> Path:
    for name, data in entries.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


ENTRIES = {
    "Zoë/1.JPG": b"a",
    'Ada Lovelace/it\'s "me" *_.png': b"b",
    "Ada Lovelace/2.webp": b"c",
    "Ada Lovelace/.hidden.jpg": b"x",
    ".git/1.jpg": b"x",
    "Ada Lovelace/notes.txt": b"x",
    "loose.jpg": b"x",
}


def names(found: PhotoCollection) -> list[str]:
    return [photo.name for photo in found.photos]


@pytest.mark.parametrize("source", ["folder", "zip"])
def test_a_folder_and_a_zip_of_it_hold_the_same(source: str, tmp_path: Path) -> None:
    found = read_folder(written(tmp_path, ENTRIES)) if source == "folder" else read_zip(zipped(ENTRIES))
    assert names(found) == ["Ada Lovelace/2.webp", 'Ada Lovelace/it\'s "me" *_.png', "Zoë/1.JPG"]
    assert [photo.person for photo in found.photos] == ["Ada Lovelace", "Ada Lovelace", "Zoë"]
    assert [photo.read() for photo in found.photos] == [b"c", b"b", b"a"]
    left_out = ["loose.jpg", "Ada Lovelace/notes.txt", ".git/1.jpg", "Ada Lovelace/.hidden.jpg"]
    assert [problem.file for problem in found.problems] == left_out, "pictures first, hidden ones last"


def test_whose_photo_is_not_clear_is_named(tmp_path: Path) -> None:
    entries = {"Ada/1.jpg": b"a", "Bob/2020/1.jpg": b"b", "Eve/photos/1.jpg": b"e"}
    for found in (read_folder(written(tmp_path, entries)), read_zip(zipped(entries))):
        assert [photo.person for photo in found.photos] == ["Ada", "Eve"]
        (problem,) = found.problems
        assert (problem.file, "`Bob/2020`" in problem.reason) == ("Bob/2020/1.jpg", True)


def test_one_folder_around_all_of_an_archive_is_looked_through() -> None:
    entries = {"photos/Ada/1.jpg": b"a", "photos/Bob/1.jpg": b"b", "__MACOSX/photos/Ada/._1.jpg": b"x"}
    found = read_zip(zipped(entries))
    assert [(photo.person, photo.name) for photo in found.photos] == [
        ("Ada", "photos/Ada/1.jpg"),
        ("Bob", "photos/Bob/1.jpg"),
    ]


def test_names_that_no_report_can_hold_are_escaped(tmp_path: Path) -> None:
    folder = tmp_path / "a\nb"
    folder.mkdir()
    (Path(os.fsdecode(os.fsencode(folder) + b"/\xff.jpg"))).write_bytes(b"x")
    (photo,) = read_folder(tmp_path).photos
    assert photo.name == r"a\nb/\udcff.jpg"
    assert photo.person == r"a\nb"
    assert photo.read() == b"x"
    photo.name.encode()


def test_a_name_in_an_archive_leads_nowhere() -> None:
    found = read_zip(zipped({"../../etc/passwd.jpg": b"x", "/root/1.jpg": b"y"}))
    assert names(found) == ["etc/passwd.jpg", "root/1.jpg"]


def test_an_entry_that_is_there_twice_is_used_once() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("Ada/1.jpg", b"first")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("Ada/1.jpg", b"second")
    found = read_zip(file)
    assert (names(found), [problem.file for problem in found.problems]) == (["Ada/1.jpg"], ["Ada/1.jpg"])


def test_a_link_in_an_archive_is_no_photo() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        link = zipfile.ZipInfo("Ada/1.jpg")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    found = read_zip(file)
    assert not found.photos
    assert [problem.reason for problem in found.problems] == ["is a link: put the file itself there"]


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (ArchiveLimits(max_entries=1), "2 files; at most 1"),
        (ArchiveLimits(max_total_bytes=1000), "unpacks to"),
    ],
)
def test_an_archive_over_a_limit_is_refused_before_anything_is_unpacked(limits: ArchiveLimits, said: str) -> None:
    with pytest.raises(InvalidArchive, match=said):
        read_zip(zipped({"Ada/1.jpg": bytes(600), "Ada/2.jpg": bytes(600)}), limits)


def test_an_entry_over_its_limit_is_its_own_problem() -> None:
    found = read_zip(zipped({"Ada/1.jpg": bytes(2000), "Ada/2.jpg": b"x"}), ArchiveLimits(max_entry_bytes=1000))
    with pytest.raises(ImageTooLarge, match="at most 1,000"):
        found.photos[0].read()
    assert found.photos[1].read() == b"x"


def test_an_entry_that_says_it_is_small_and_is_not_stays_small_in_memory() -> None:
    file = zipped({"Ada/1.jpg": bytes(5_000_000)})
    with zipfile.ZipFile(file) as archive:
        size = archive.infolist()[0].file_size.to_bytes(4, "little")
    lying = io.BytesIO(file.getvalue().replace(size, (10).to_bytes(4, "little")))
    with pytest.raises(CorruptImage, match="cannot be unpacked"):
        read_zip(lying).photos[0].read()


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"no archive", bytes(100)])
def test_what_is_no_archive_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidArchive, match="not a ZIP"):
        read_zip(io.BytesIO(data))


def test_an_empty_file_is_its_own_problem(tmp_path: Path) -> None:
    found = read_folder(written(tmp_path, {"Ada/1.jpg": b""}))
    with pytest.raises(EmptyImage):
        found.photos[0].read()


def test_a_directory_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArchive, match="cannot be read"):
        read_folder(tmp_path / "nowhere")


def test_a_pipe_among_the_photos_blocks_nobody(tmp_path: Path) -> None:
    (tmp_path / "Ada").mkdir()
    os.mkfifo(tmp_path / "Ada" / "1.jpg")
    found = read_folder(tmp_path)
    assert not found.photos
    assert [problem.reason for problem in found.problems] == ["is neither a file nor a folder"]


def test_an_entry_whose_name_begins_with_nul_is_left_out_and_stops_nobody() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("ada/1.jpg", b"photo")
        archive.writestr("XXXX", b"odd")
    data = buffer.getvalue().replace(b"XXXX", b"\x00XXX")
    assert [photo.name for photo in read_zip(io.BytesIO(data)).photos] == ["ada/1.jpg"]
