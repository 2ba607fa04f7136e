"""A gallery that keeps thumbnails no longer has none, whatever happens meanwhile."""

from datetime import UTC, datetime

import pytest
from redis import Redis

from shared.galleries import thumbnails
from shared.galleries.store import GalleryStore, Template
from shared.galleries.thumbnails import OFF, ThumbnailDeletion
from shared.schemas import GalleryRules
from shared.storage.store import MemoryStore

TENANT, GALLERY = "acme", "staff"


class Album:
    def __init__(self, redis: Redis) -> None:
        self.store = MemoryStore()
        self.galleries = GalleryStore(self.store, redis, "test:")
        self.galleries.create_gallery(TENANT, GALLERY, rules=GalleryRules(thumbnails=True))
        self.deletion = ThumbnailDeletion(self.store, self.galleries)

    def enrol(self, number: int) -> None:
        face = Template(
            person=f"p{number}", face="f", embedding=(1.0,), model_digest="d", quality=1.0,
            created_at=datetime.now(UTC), thumbnail=b"\xff\xd8\xff",
        )  # fmt: skip
        self.galleries.put_template(TENANT, GALLERY, face)

    def turn(self, on: bool) -> None:
        self.galleries.update_gallery(TENANT, GALLERY, lambda one: one.model_copy(update={"thumbnails": on}))
        if not on:
            self.deletion.begin(TENANT, GALLERY)

    def pictures(self) -> int:
        return sum(b"/9j" in self.store.get(key) or b"_9j" in self.store.get(key) for key in self.store.keys(""))

    def run(self) -> None:
        for _ in range(10):
            self.deletion.run()


@pytest.fixture
def album(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> Album:
    monkeypatch.setattr(thumbnails, "AT_ONCE", 2)
    made = Album(redis)
    for number in range(5):
        made.enrol(number)
    assert made.pictures() == 5
    return made


def test_all_go_some_at_a_time_and_the_faces_stay(album: Album) -> None:
    album.turn(False)
    assert [album.deletion.run() for _ in range(4)] == [2, 2, 1, 0]
    assert album.pictures() == 0
    assert len(list(album.galleries.all_templates(TENANT, GALLERY, "d"))) == 5
    assert list(album.store.keys(OFF)) == []


def test_those_of_a_gallery_that_wants_them_stay(album: Album) -> None:
    album.deletion.begin(TENANT, GALLERY)
    album.run()
    assert album.pictures() == 5
    assert list(album.store.keys(OFF)) == []


def test_one_that_is_begun_anew_begins_with_the_first(album: Album) -> None:
    album.turn(False)
    album.deletion.run()
    album.turn(True)
    album.enrol(0)
    album.turn(False)
    album.run()
    assert album.pictures() == 0


def test_a_gallery_that_is_gone_stops_no_other(album: Album) -> None:
    album.turn(False)
    album.deletion.begin(TENANT, "gone")
    album.run()
    assert album.pictures() == 0
    assert list(album.store.keys(OFF)) == []
