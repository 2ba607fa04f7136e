import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared.images import ImageLimits
from shared.ml.face import reading
from shared.ml.face.detector import FaceDetector
from shared.ml.face.embedder import FaceEmbedder
from shared.ml.face.face_set import FaceSet
from shared.ml.face.people import FileProblem, Photo, PhotoCollection
from shared.ml.face.reading import FaceRule, PhotoReader

PORTRAITS = Path(__file__).parents[4] / "data" / "faces"
LIMITS = ImageLimits(max_bytes=2**23, max_pixels=50_000_000, max_side=12_000, min_side=16)


@pytest.fixture(scope="module")
def reader(detector: FaceDetector, embedder: FaceEmbedder) -> PhotoReader:
    return PhotoReader(detector, embedder, LIMITS)


def photo(name: str, read: bytes | Callable[[], bytes]) -> Photo:
    return Photo(name.split("/", maxsplit=1)[0], name, read if callable(read) else lambda: read)


def portrait(person: str, file: str) -> Photo:
    return photo(f"{person}/{file}", (PORTRAITS / file).read_bytes)


def collection(*photos: Photo) -> PhotoCollection:
    return PhotoCollection(photos, (FileProblem("loose.jpg", "lies loose"),))


def refuse() -> bytes:
    raise PermissionError(13, "Permission denied")


def reasons(faces: FaceSet) -> dict[str, str]:
    return {problem.file: problem.reason for problem in faces.problems}


def test_faces_come_in_the_order_of_the_photos_and_refusals_file_by_file(reader: PhotoReader) -> None:
    blank = io.BytesIO()
    Image.new("RGB", (200, 200), "white").save(blank, "PNG")
    faces = reader.read(
        collection(
            portrait("obama", "obama-1.jpg"),
            photo("x/broken.jpg", b"\xff\xd8\xff nothing"),
            photo("x/text.jpg", b"hello"),
            portrait("obama", "obama-2.jpg"),
            photo("x/blank.png", blank.getvalue()),
            photo("x/secret.jpg", refuse),
            portrait("x", "group.jpg"),
            portrait("biden", "biden.jpg"),
        )
    )
    assert faces.names == ("obama/obama-1.jpg", "obama/obama-2.jpg", "biden/biden.jpg")
    assert faces.people == ("obama", "obama", "biden")
    found = reasons(faces)
    assert list(found) == ["loose.jpg", "x/broken.jpg", "x/text.jpg", "x/blank.png", "x/secret.jpg", "x/group.jpg"]
    assert found["x/broken.jpg"].startswith(("corrupt_image:", "unsupported_image:"))
    assert found["x/text.jpg"].startswith("unsupported_image:")
    assert found["x/blank.png"] == "no_face: none was found"
    assert found["x/secret.jpg"] == "cannot be read: Permission denied"
    assert found["x/group.jpg"] == "multiple_faces: several may be meant"
    assert all("\n" not in reason for reason in found.values())


def test_the_embeddings_are_those_of_the_photos(reader: PhotoReader) -> None:
    faces = reader.read(
        collection(portrait("o", "obama-1.jpg"), portrait("o", "obama-2.jpg"), portrait("b", "biden.jpg"))
    )
    assert np.linalg.norm(faces.embeddings, axis=1) == pytest.approx(1, abs=1e-5)
    same, other = faces.embeddings[0] @ faces.embeddings[1], faces.embeddings[0] @ faces.embeddings[2]
    assert same > 0.5
    assert other < 0.3
    assert (faces.model_name, faces.model_digest) == (reader.model.name, reader.model.digest)


def test_thumbnails_are_the_aligned_faces(reader: PhotoReader) -> None:
    faces = reader.read(collection(portrait("o", "obama-1.jpg")))
    aligned = reader.look((PORTRAITS / "obama-1.jpg").read_bytes())
    assert not isinstance(aligned, str)
    with Image.open(io.BytesIO(faces.thumbnails[0])) as image:
        shown = np.asarray(image).astype(int)
    assert shown.shape == (112, 112, 3)
    assert np.abs(shown - aligned[0].astype(int)).mean() < 6  # what JPEG loses; swapped colours would be 50


def test_batches_and_windows_of_any_size_read_the_same(reader: PhotoReader, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = collection(
        portrait("o", "obama-1.jpg"),
        photo("x/text.jpg", b"hello"),
        portrait("o", "obama-2.jpg"),
        portrait("b", "biden.jpg"),
        photo("x/last.jpg", b""),
    )
    whole = reader.read(photos)
    monkeypatch.setattr(reading, "_BATCH", 2)
    seen: list[tuple[int, int]] = []
    parts = reader.read(photos, progress=lambda done, total: seen.append((done, total)))
    assert parts.names == whole.names
    assert parts.embeddings == pytest.approx(whole.embeddings, abs=2e-2)  # half precision rounds by batch
    assert seen == [(done, 5) for done in range(1, 6)]


def test_the_central_face_is_taken_where_there_are_several(reader: PhotoReader) -> None:
    central = PhotoReader(reader.detector, reader.model, LIMITS, FaceRule.CENTRAL)
    faces = central.read(PhotoCollection((portrait("x", "group.jpg"),), ()))
    assert len(faces) == 1


def test_a_face_of_low_quality_is_refused_by_the_service_and_used_by_a_benchmark(reader: PhotoReader) -> None:
    with Image.open(PORTRAITS / "obama-1.jpg") as image:
        image.thumbnail((70, 70))
        tiny = io.BytesIO()
        image.convert("RGB").save(tiny, "PNG")
    photos = PhotoCollection((photo("o/tiny.png", tiny.getvalue()),), ())
    assert reasons(reader.read(photos))["o/tiny.png"].startswith("low_quality: ")
    assert len(PhotoReader(reader.detector, reader.model, LIMITS, FaceRule.CENTRAL).read(photos)) == 1


def test_no_photo_makes_an_empty_set(reader: PhotoReader) -> None:
    faces = reader.read(PhotoCollection((), ()))
    assert (len(faces), faces.embeddings.shape) == (0, (0, 128))


def test_a_photo_that_breaks_the_reader_stops_it_and_leaves_no_thread_waiting(reader: PhotoReader) -> None:
    def broken() -> bytes:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        reader.read(collection(photo("x/1.jpg", broken), *(portrait("o", "obama-1.jpg") for _ in range(5))))
