"""Many photos through batches: what is sent, what is written, and what is gone on with."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from gateway.app import create_app
from gateway.auth import Scope
from gateway.client.api import Client
from gateway.client.painting import STATE, Painter, _chunks
from gateway.client.photos import Photo, find_photos
from gateway.context import Services
from shared.errors import InvalidField
from shared.schemas import JobError
from shared.storage import image_key
from tests.unit.gateway.conftest import MODEL, PHOTO, Api, FakeWorker, stylised
from workers.feeding import Feeder

OPTIONS = {"size": "64"}
OUT = Path("where-no-photos-are")


@pytest.fixture
def client(api: Api) -> Iterator[Client]:
    with Client("http://test", api.token, transport=httpx.WSGITransport(app=api.app)) as made:
        yield made


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for name in ("a.jpg", "b.png", "sub/c.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(PHOTO)
    return folder


@pytest.fixture
def working(services: Services, worker: FakeWorker) -> Iterator[set[str]]:
    """Feeds and paints in the background; jobs of the items whose numbers are put here fail."""
    spoilt: set[str] = set()
    stop = threading.Event()
    feeder = Feeder(services.batches, services.jobs, services.store, window=8)

    def work() -> None:
        while not stop.wait(0.02):
            feeder.feed()
            while worker.published:
                job = worker.claim()
                if job.id.rpartition("-")[2] in spoilt:
                    worker.jobs.fail(job, JobError(code="corrupt_image", detail="damaged"))
                    continue
                services.store.put(image_key(job.tenant, job.id, "image/jpeg"), job.id.encode())
                worker.jobs.succeed(job, stylised(job, "image/jpeg"), MODEL)

    thread = threading.Thread(target=work)
    thread.start()
    yield spoilt
    stop.set()
    thread.join()


def paint(client: Client, photos: Path, output: Path) -> Painter:
    painter = Painter(client, output, "poppies", OPTIONS)
    painter.begin(find_photos([str(photos)], "jpeg", output))
    list(painter.follow())
    return painter


# --- which photos ---


def test_photos_of_a_folder_keep_their_places(photos: Path) -> None:
    (photos / "notes.txt").write_text("no photo")
    (photos / ".hidden.jpg").write_bytes(PHOTO)
    assert [one.output for one in find_photos([str(photos)], "png", OUT)] == ["a.png", "b.png", "sub/c.png"]


def test_a_photo_that_is_named_twice_is_painted_once(photos: Path) -> None:
    named = [str(photos / "a.jpg"), str(photos / "*.jpg"), str(photos)]
    assert [one.output for one in find_photos(named, "jpeg", OUT)] == ["a.jpeg", "b.jpeg", "sub/c.jpeg"]


def test_photos_that_differ_by_the_suffix_only_do_not_share_a_picture(photos: Path) -> None:
    (photos / "a.png").write_bytes(PHOTO)
    found = find_photos([str(photos)], "jpeg", OUT)
    assert [one.output for one in found][:3] == ["a.jpg.jpeg", "a.png.jpeg", "b.jpeg"]


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, str]]:
    """Makes files in the working folder; the pictures of what is named, by photo."""
    monkeypatch.chdir(tmp_path)

    def find(files: str, *named: str, folder: str = "out") -> dict[str, str]:
        for file in map(Path, files.split()):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(PHOTO)
        found = find_photos(named, "jpeg", Path(folder))
        return {str(one.file.relative_to(tmp_path.resolve())): one.output for one in found}

    return find


Outputs = Callable[..., dict[str, str]]


@pytest.mark.parametrize("named", [("a/x.jpg", "b/x.jpg"), ("b/x.jpg", "a/x.jpg"), ("a", "b")])
def test_photos_of_one_name_are_told_apart_by_their_folders(outputs: Outputs, named: tuple[str, ...]) -> None:
    assert outputs("a/x.jpg b/x.jpg", *named) == {"a/x.jpg": "a/x.jpeg", "b/x.jpg": "b/x.jpeg"}


def test_photos_whose_folders_have_one_name_too_are_numbered_whatever_their_order(outputs: Outputs) -> None:
    expected = {"1/a/x.jpg": "a/x.jpg.jpeg", "2/a/x.jpg": "a/x.jpg-2.jpeg"}
    assert outputs("1/a/x.jpg 2/a/x.jpg", "1/a/x.jpg", "2/a/x.jpg") == expected
    assert outputs("", "2/a", "1/a") == expected


def test_a_photo_named_as_the_picture_of_another_has_a_picture_of_its_own(outputs: Outputs) -> None:
    found = outputs("in/a.jpg in/a.png in/a.jpg.png", "in")
    assert found == {"in/a.jpg": "a.jpg.jpeg", "in/a.png": "a.png.jpeg", "in/a.jpg.png": "a.jpg.png.jpeg"}


def test_pictures_differ_by_more_than_the_case_of_letters(outputs: Outputs) -> None:
    found = outputs("in/A.jpg in/a.JPG in/b/X.jpg in/B/x.jpg", "in")
    assert len({output.casefold() for output in found.values()}) == len(found)


def test_no_picture_is_named_as_a_folder_of_others(outputs: Outputs) -> None:
    assert outputs("in/a.png in/a.jpeg/b.jpg", "in") == {
        "in/a.png": "a.png.jpeg",
        "in/a.jpeg/b.jpg": "a.jpeg/b.jpeg",
    }


@pytest.mark.parametrize("named", ["in", "in/**", "in/**/*.jp*g", "in/*"])
def test_pictures_within_the_photos_folder_are_not_painted_again(outputs: Outputs, named: str) -> None:
    assert set(outputs("in/1.jpg in/out/1.jpeg in/out/b/2.jpeg", named, folder="in/out")) == {"in/1.jpg"}


@pytest.mark.parametrize("named", [["in"], ["in/1.jpeg", "in/2.jpg"], ["in/*"]])
def test_a_photo_is_not_taken_for_its_own_picture(outputs: Outputs, named: list[str]) -> None:
    with pytest.raises(InvalidField, match="choose another folder"):
        outputs("in/1.jpeg in/2.jpg", *named, folder="in")


def test_a_picture_may_lie_beside_its_photo(outputs: Outputs) -> None:
    assert outputs("2.jpg", "2.jpg", folder=".") == {"2.jpg": "2.jpeg"}
    assert outputs("2.jpeg", "*.jpg", folder=".") == {"2.jpg": "2.jpeg"}


@pytest.mark.parametrize("name", ["absent.jpg", "absent/*.jpg"])
def test_what_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidField, match="absent"):
        find_photos([str(tmp_path / name)], "jpeg", OUT)


def test_a_folder_without_photos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidField, match="No JPEG"):
        find_photos([str(tmp_path)], "jpeg", OUT)


def test_requests_stay_within_their_size(tmp_path: Path) -> None:
    files = []
    for number, size in enumerate([40, 40, 80, 1]):
        files.append(Photo(tmp_path / str(number), f"{number}.jpeg"))
        with files[-1].file.open("wb") as file:
            file.truncate(size * 2**20)
    assert [[one.output[0] for one in chunk] for chunk in _chunks(files)] == [["0"], ["1"], ["2"], ["3"]]
    files[3].file.write_bytes(b"x")
    assert [len(chunk) for chunk in _chunks([files[3]] * 1001)] == [500, 500, 1]


# --- painting ---


def test_every_photo_gets_its_picture(client: Client, photos: Path, tmp_path: Path, working: set[str]) -> None:
    assert not working
    painter = paint(client, photos, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").rglob("*.jpeg")} == {"a.jpeg", "b.jpeg", "c.jpeg"}
    assert (tmp_path / "out" / "sub" / "c.jpeg").read_bytes().endswith(b"-2")
    assert painter.running == []


def test_photos_without_a_picture_are_tried_again_and_no_others(
    client: Client, photos: Path, tmp_path: Path, working: set[str]
) -> None:
    working.add("1")
    found = find_photos([str(photos)], "jpeg", OUT)
    [failure] = paint(client, photos, tmp_path / "out").failures(found)
    assert (failure.photo, failure.code, failure.detail) == (
        str((photos / "b.png").resolve()),
        "corrupt_image",
        "damaged",
    )
    working.clear()
    assert paint(client, photos, tmp_path / "out").failures(found) == []
    assert [batch["counts"]["total"] for batch in client.batches()] == [1, 3]


def test_a_batch_that_is_under_way_is_gone_on_with(
    client: Client, photos: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    found = find_photos([str(photos)], "jpeg", OUT)
    Painter(client, tmp_path / "out", "poppies", OPTIONS).begin(found)
    again = Painter(client, tmp_path / "out", "poppies", OPTIONS)
    again.begin(found)
    assert len(list(client.batches())) == 1
    request.getfixturevalue("working")
    assert list(again.follow())[-1].done == 3
    assert again.failures(found) == []


def test_photos_of_a_batch_that_was_cancelled_are_sent_again(
    client: Client, photos: Path, tmp_path: Path, working: set[str]
) -> None:
    assert not working
    found = find_photos([str(photos)], "jpeg", OUT)
    Painter(client, tmp_path / "out", "poppies", OPTIONS).begin(found)
    [batch] = client.batches()
    if batch["finished_at"] is None:
        client.turn_batch(batch["id"], "cancel")
    wait_until(lambda: client.batch(batch["id"])["finished_at"] is not None)
    assert paint(client, photos, tmp_path / "out").failures(found) == []


def test_a_batch_that_is_known_no_longer_is_begun_anew(
    client: Client, photos: Path, tmp_path: Path, working: set[str]
) -> None:
    assert not working
    output = tmp_path / "out"
    output.mkdir()
    lost = {"id": "0" * 32, "items": {"p0000": ["a.jpeg", "a.jpg"]}, "finished": False}
    state = {"asked": {"style": "poppies", **OPTIONS}, "batches": [lost]}
    (output / STATE).write_text(json.dumps(state))
    paint(client, photos, output)
    assert (output / "a.jpeg").exists()


def test_a_folder_of_another_style_is_left_alone(client: Client, photos: Path, tmp_path: Path) -> None:
    Painter(client, tmp_path / "out", "poppies", OPTIONS).begin(find_photos([str(photos)], "jpeg", OUT))
    with pytest.raises(InvalidField, match="poppies"):
        Painter(client, tmp_path / "out", "great-wave", OPTIONS)


@pytest.mark.parametrize(
    "kept", ["{bad", "{}", "[]", "\xff", '{"asked": 3, "batches": []}', '{"asked": {}, "batches": [{"id": "b"}]}']
)
def test_a_damaged_state_is_named_with_what_to_do(client: Client, tmp_path: Path, kept: str) -> None:
    (tmp_path / STATE).write_bytes(kept.encode("latin-1"))
    with pytest.raises(InvalidField, match=rf"{STATE} is damaged: delete it"):
        Painter(client, tmp_path, "poppies", OPTIONS)


def test_a_file_in_the_place_of_the_folder_is_named(client: Client, photos: Path) -> None:
    with pytest.raises(InvalidField, match="is a file: name a folder"):
        Painter(client, photos / "a.jpg", "poppies", OPTIONS)


def test_a_photo_beyond_every_limit_is_an_error_of_its_own(
    photos: Path, tmp_path: Path, make_client: Callable[[int], Client]
) -> None:
    client = make_client(20_000)
    found = find_photos([str(photos / "a.jpg")], "jpeg", OUT)
    found[0].file.write_bytes(b"x" * 40_000)
    painter = Painter(client, tmp_path / "out", "poppies", OPTIONS)
    painter.begin(found)
    assert list(painter.follow())[-1].failed == 1
    assert [failure.code for failure in painter.failures(found)] == ["body_too_large"]


@pytest.fixture
def make_client(services: Services, api: Api) -> Iterator[Callable[[int], Client]]:
    """A client of a gateway whose batches have so many bytes at most."""
    made: list[Client] = []

    def make(most: int) -> Client:
        settings = api.app.extensions["likeness"].settings
        limits = settings.limits.model_copy(update={"batch_bytes": most})
        app = create_app(settings.model_copy(update={"limits": limits}), services)
        token = services.keys.create("default", set(Scope))
        assert token is not None
        made.append(Client("http://test", token, transport=httpx.WSGITransport(app=app)))
        return made[-1]

    yield make
    for one in made:
        one.__exit__(None, None, None)


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
