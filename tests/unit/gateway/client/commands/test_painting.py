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
from gateway.client import Client
from gateway.client.commands.painting import STATE, Painter, _chunks
from gateway.client.commands.photos import Photo, find_photos
from gateway.context import Services
from shared.errors import InvalidField
from shared.schemas import JobError
from shared.storage.store import image_key
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
    painter.begin(find_photos([str(photos)], "jpeg", output).photos)
    list(painter.follow())
    return painter


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
    found = find_photos([str(photos)], "jpeg", OUT).photos
    [failure] = paint(client, photos, tmp_path / "out").failures(found)
    assert (failure.photo, failure.code, failure.detail) == (
        str((photos / "b.png").resolve()),
        "corrupt_image",
        "damaged",
    )
    working.clear()
    assert paint(client, photos, tmp_path / "out").failures(found) == []
    assert [batch["counts"]["total"] for batch in client.batches.list()] == [1, 3]


def test_photos_of_one_name_that_are_painted_one_after_the_other_do_not_share_a_picture(
    client: Client, tmp_path: Path, working: set[str]
) -> None:
    assert not working
    outputs = []
    for folder in ("x", "y", "x"):
        for name in ("1.jpg", "2.jpg"):
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / name).write_bytes(PHOTO + folder.encode())
        painter = Painter(client, tmp_path / "out", "poppies", OPTIONS)
        photos = painter.settled(find_photos([str(tmp_path / folder)], "jpeg", tmp_path / "out").photos)
        painter.begin(photos)
        list(painter.follow())
        outputs.append([photo.output for photo in photos])
    assert outputs == [["1.jpeg", "2.jpeg"], ["1-2.jpeg", "2-2.jpeg"], ["1.jpeg", "2.jpeg"]]
    assert [batch["counts"]["total"] for batch in client.batches.list()] == [2, 2]


def test_a_batch_that_is_under_way_is_gone_on_with(
    client: Client, photos: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    found = find_photos([str(photos)], "jpeg", OUT).photos
    Painter(client, tmp_path / "out", "poppies", OPTIONS).begin(found)
    again = Painter(client, tmp_path / "out", "poppies", OPTIONS)
    again.begin(found)
    assert len(list(client.batches.list())) == 1
    request.getfixturevalue("working")
    assert list(again.follow())[-1].done == 3
    assert again.failures(found) == []


def test_photos_of_a_batch_that_was_cancelled_are_sent_again(
    client: Client, photos: Path, tmp_path: Path, working: set[str]
) -> None:
    assert not working
    found = find_photos([str(photos)], "jpeg", OUT).photos
    Painter(client, tmp_path / "out", "poppies", OPTIONS).begin(found)
    [batch] = client.batches.list()
    if batch["finished_at"] is None:
        client.batches.cancel(batch["id"])
    wait_until(lambda: client.batches.get(batch["id"])["finished_at"] is not None)
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
    Painter(client, tmp_path / "out", "poppies", OPTIONS).begin(find_photos([str(photos)], "jpeg", OUT).photos)
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
    found = find_photos([str(photos / "a.jpg")], "jpeg", OUT).photos
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


def test_requests_stay_within_their_size(tmp_path: Path) -> None:
    files = []
    for number, size in enumerate([40, 40, 80, 1]):
        files.append(Photo(tmp_path / str(number), f"{number}.jpeg"))
        with files[-1].file.open("wb") as file:
            file.truncate(size * 2**20)
    assert [[one.output[0] for one in chunk] for chunk in _chunks(files)] == [["0"], ["1"], ["2"], ["3"]]
    files[3].file.write_bytes(b"x")
    assert [len(chunk) for chunk in _chunks([files[3]] * 1001)] == [500, 500, 1]
