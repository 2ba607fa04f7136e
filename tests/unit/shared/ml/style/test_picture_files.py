"""Pictures from a file, a folder or a ZIP file."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from shared.errors import CorruptImage, InvalidArchive, InvalidImage
from shared.images import ImageLimits
from shared.ml.style.picture_files import in_path, in_zip

LIMITS = ImageLimits(max_bytes=2**20, max_pixels=10**6, max_side=2000, min_side=1)


def png(width: int = 30, height: int = 20) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def zipped(entries: Mapping[str, bytes]) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return buffer


ENTRIES = {
    "b.png": png(),
    "a/deep/er.jpg": b"x",
    "notes.txt": b"x",
    ".hidden.png": b"x",
    "__MACOSX/b.png": b"x",
}


@pytest.mark.parametrize("source", ["folder", "zip"])
def test_pictures_come_by_name_from_any_folder(tmp_path: Path, source: str) -> None:
    for name, data in ENTRIES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    found = in_path(tmp_path, max_bytes=10_000) if source == "folder" else in_zip(zipped(ENTRIES))
    assert [file.name for file in found.files] == ["a/deep/er.jpg", "b.png"]
    assert found.problems[0].file == "notes.txt"
    assert {problem.file for problem in found.problems[1:]} == {".hidden.png", "__MACOSX/b.png"}
    assert found.files[1].read() == png()


def test_one_file_is_a_collection_of_one(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(png())
    (file,) = in_path(tmp_path / "one.png", max_bytes=10_000).files
    assert file.pixels(LIMITS, 100).shape == (1, 3, 20, 30)


def test_a_long_picture_is_scaled_down_and_a_short_one_left(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(png(300, 150))
    (file,) = in_path(tmp_path, max_bytes=100_000).files
    assert file.pixels(LIMITS, 100).shape == (1, 3, 50, 100)
    assert file.pixels(LIMITS, 300).shape == (1, 3, 150, 300)


def test_what_is_no_picture_says_so_when_it_is_read(tmp_path: Path) -> None:
    found = in_zip(zipped({"1.png": b"nonsense", "2.png": b"", "3.png": png(300, 200)[:200]}))
    for file in found.files[:2]:
        with pytest.raises(InvalidImage):
            file.pixels(LIMITS, 100)
    with pytest.raises(CorruptImage):
        found.files[2].pixels(LIMITS, 100)
    (tmp_path / "4.png").write_bytes(png())
    (gone,) = in_path(tmp_path, max_bytes=10_000).files
    (tmp_path / "4.png").unlink()
    with pytest.raises(InvalidImage, match="cannot be read"):
        gone.pixels(LIMITS, 100)


def test_what_is_not_there_or_no_zip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArchive, match="name a picture or a directory"):
        in_path(tmp_path / "nowhere", max_bytes=1)
    with pytest.raises(InvalidArchive):
        in_zip(io.BytesIO(b"no zip"))
