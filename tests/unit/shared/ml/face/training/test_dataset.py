"""Folders of people as they come: with odd names, damaged files and people of one photo."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from shared.errors import InvalidArchive, InvalidDataset
from shared.images import ImageLimits
from shared.ml.face.detector import FaceDetector
from shared.ml.face.embedder import FaceEmbedder
from shared.ml.face.people import read_folder
from shared.ml.face.reading import PhotoReader
from shared.ml.face.training.dataset import FaceData, read_faces

Image = npt.NDArray[np.uint8]
LIMITS = ImageLimits(max_bytes=2**24, max_pixels=10**7, max_side=5000, min_side=16)
# odd names: spaces, other scripts, quotes, one that begins with a dash
PEOPLE = {
    "Ada  Lovelace": "ardern-2018.jpg",
    "Зоя": "biden.jpg",
    'O\'Neill "Q"': "collins.png",
    "-rf": "hopper.jpg",
    "李雷": "macron-2014.jpg",
    "7": "sunak.jpg",
}


@pytest.fixture
def reader(detector: FaceDetector, embedder: FaceEmbedder) -> PhotoReader:
    return PhotoReader(detector, embedder, LIMITS)


@pytest.fixture
def folder(tmp_path: Path, portrait: Callable[[str], Image]) -> Path:
    """Six people with two photos each, the second mirrored."""
    for person, name in PEOPLE.items():
        picture = np.ascontiguousarray(portrait(name)[..., ::-1])
        (tmp_path / person).mkdir()
        for number, version in enumerate((picture, np.ascontiguousarray(picture[:, ::-1]))):
            (tmp_path / person / f"{number}.png").write_bytes(cv2.imencode(".png", version)[1].tobytes())
    return tmp_path


def read(folder: Path, reader: PhotoReader) -> FaceData:
    return read_faces(read_folder(folder), reader)


def test_people_of_any_name_become_aligned_crops_with_labels(folder: Path, reader: PhotoReader) -> None:
    data = read(folder, reader)
    assert data.samples.pixels.shape == (12, 3, 112, 112)
    assert data.names == tuple(sorted(PEOPLE))
    assert data.samples.people.tolist() == [label for label in range(6) for _ in range(2)]
    assert not data.problems + data.too_few


def test_the_label_is_the_right_persons(folder: Path, reader: PhotoReader, embedder: FaceEmbedder) -> None:
    data = read(folder, reader)
    crops = data.samples.pixels.permute(0, 2, 3, 1).numpy()
    vectors = embedder.embed([(crop,) for crop in crops])
    cosines = vectors @ vectors.T - 2 * np.eye(12)
    assert (cosines.argmax(axis=1) // 2).tolist() == data.samples.people.tolist()


def test_what_cannot_be_used_is_listed_file_by_file(folder: Path, reader: PhotoReader) -> None:
    torn = (folder / "7" / "0.png").read_bytes()[:2000]
    (folder / "7" / "torn.png").write_bytes(torn)
    (folder / "7" / "empty.jpg").write_bytes(b"")
    (folder / "7" / "notes.txt").write_text("not a photo")
    (folder / "7" / "wall.png").write_bytes(cv2.imencode(".png", np.full((200, 200, 3), 128, np.uint8))[1].tobytes())
    (folder / "Once").mkdir()
    (folder / "Once" / "1.png").write_bytes((folder / "7" / "0.png").read_bytes())
    data = read(folder, reader)
    assert len(data.samples.people) == 12
    reasons = {problem.file: problem.reason for problem in data.problems}
    assert set(reasons) == {"7/torn.png", "7/empty.jpg", "7/notes.txt", "7/wall.png"}
    assert "no_face" in reasons["7/wall.png"]
    assert data.too_few == ("Once",)


def test_five_people_are_too_few_and_the_message_says_what_was_wrong(folder: Path, reader: PhotoReader) -> None:
    (folder / "7" / "1.png").write_bytes(b"GIF89a")
    with pytest.raises(InvalidDataset, match=r"5 of 6 people .*6 such people.*7/1\.png"):
        read(folder, reader)


def test_an_empty_folder_is_too_few(tmp_path: Path, reader: PhotoReader) -> None:
    with pytest.raises(InvalidDataset, match="0 of 0 people"):
        read(tmp_path, reader)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, reader: PhotoReader) -> None:
    with pytest.raises(InvalidArchive, match="nowhere"):
        read(tmp_path / "nowhere", reader)


def test_progress_counts_the_photos(folder: Path, reader: PhotoReader) -> None:
    seen: list[tuple[int, int]] = []
    read_faces(read_folder(folder), reader, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 12) for done in range(1, 13)]
