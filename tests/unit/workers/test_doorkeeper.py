"""The door's answer: by the rules and the person's record as they are when it answers."""

from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from shared.galleries.store import GalleryStore
from shared.ml.face.verification import Verdict
from shared.schemas import AccessRules, Denial, Gallery, Person
from shared.storage.store import MemoryStore
from workers.doorkeeper import Doorkeeper

UID = "0" * 32
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class CountingStore(MemoryStore):
    """Counts what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []

    def get(self, key: str) -> bytes:
        self.reads.append(key)
        return super().get(key)


class Clock:
    now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def galleries(redis: Redis, store: CountingStore) -> GalleryStore:
    made = GalleryStore(store, redis, "likeness:")
    made.create_gallery("acme", "staff")
    ada = made.ensure_person("acme", "staff", "ada").model_copy(update={"uid": UID})
    store.put("galleries/acme/staff/persons/ada.json", ada.model_dump_json().encode())
    return made


@pytest.fixture
def doorkeeper(galleries: GalleryStore, clock: Clock) -> Doorkeeper:
    return Doorkeeper(galleries, clock=clock)


def rules(galleries: GalleryStore, **access: object) -> Gallery:
    gallery = galleries.get_gallery("acme", "staff")
    return gallery.model_copy(update={"access": AccessRules.model_validate(access)})


def change_ada(galleries: GalleryStore, store: CountingStore, **changes: object) -> None:
    ada = galleries.get_person("acme", "staff", "ada")
    changed = Person.model_validate({**ada.model_dump(), **changes})
    store.put("galleries/acme/staff/persons/ada.json", changed.model_dump_json().encode())


def test_who_was_recognised_is_read_once(doorkeeper: Doorkeeper, galleries: GalleryStore, store: CountingStore) -> None:
    door = doorkeeper.at("acme", rules(galleries), None)
    store.reads.clear()
    assert door(Verdict.RECOGNISED, "ada", UID).denial is None
    assert store.reads == ["galleries/acme/staff/persons/ada.json"]


@pytest.mark.parametrize("verdict", [Verdict.NO_MATCH, Verdict.NOT_RECOGNISED, Verdict.SPOOF_SUSPECTED])
def test_who_was_not_is_not_read(
    doorkeeper: Doorkeeper, galleries: GalleryStore, store: CountingStore, verdict: Verdict
) -> None:
    door = doorkeeper.at("acme", rules(galleries), None)
    store.reads.clear()
    assert door(verdict, "ada", UID).denial == Denial(verdict.value)
    assert store.reads == []


def test_a_person_erased_since_he_was_recognised_stays_outside(
    doorkeeper: Doorkeeper, galleries: GalleryStore, store: CountingStore
) -> None:
    door = doorkeeper.at("acme", rules(galleries), None)
    store.delete("galleries/acme/staff/persons/ada.json")
    assert door(Verdict.RECOGNISED, "ada", UID).denial is Denial.NO_LONGER_VALID


@pytest.mark.parametrize("uid", ["1" * 32, None])
def test_a_successor_does_not_lend_his_rights_to_the_face_of_his_predecessor(
    doorkeeper: Doorkeeper, galleries: GalleryStore, store: CountingStore, uid: str | None
) -> None:
    """Who was erased and made anew between the search and the answer."""
    door = doorkeeper.at("acme", rules(galleries, groups=["board"]), None)
    change_ada(galleries, store, groups=["board"])
    assert door(Verdict.RECOGNISED, "ada", UID).denial is None
    assert door(Verdict.RECOGNISED, "ada", uid).denial is Denial.NO_LONGER_VALID


def test_a_change_of_the_person_counts_at_once(
    doorkeeper: Doorkeeper, galleries: GalleryStore, store: CountingStore
) -> None:
    door = doorkeeper.at("acme", rules(galleries, groups=["staff"]), None)
    assert door(Verdict.MATCH, "ada", UID).denial is Denial.GROUP_NOT_ALLOWED
    change_ada(galleries, store, groups=["staff"])
    assert door(Verdict.MATCH, "ada", UID).denial is None
    change_ada(galleries, store, valid_until=NOON)
    assert door(Verdict.MATCH, "ada", UID).denial is Denial.NO_LONGER_VALID


def test_the_time_is_that_of_the_answer(doorkeeper: Doorkeeper, galleries: GalleryStore, clock: Clock) -> None:
    hours = [{"days": ["mon"], "from": "08:00", "to": "18:00"}]
    door = doorkeeper.at("acme", rules(galleries, opening_hours=hours), None)
    assert door(Verdict.MATCH, "ada", UID).denial is None
    clock.now = NOON + timedelta(hours=6)
    assert door(Verdict.MATCH, "ada", UID).denial is Denial.OUTSIDE_OPENING_HOURS


def test_the_device_is_the_requests(doorkeeper: Doorkeeper, galleries: GalleryStore) -> None:
    own = rules(galleries, devices={"vault": {"groups": ["board"]}})
    assert doorkeeper.at("acme", own, "gate")(Verdict.MATCH, "ada", UID).denial is None
    assert doorkeeper.at("acme", own, "vault")(Verdict.MATCH, "ada", UID).denial is Denial.GROUP_NOT_ALLOWED


def test_without_a_clock_of_its_own_it_is_now(galleries: GalleryStore, store: CountingStore) -> None:
    door = Doorkeeper(galleries).at("acme", rules(galleries), None)
    change_ada(galleries, store, valid_until=datetime.now(UTC) - timedelta(seconds=1))
    assert door(Verdict.MATCH, "ada", UID).denial is Denial.NO_LONGER_VALID
    change_ada(galleries, store, valid_until=datetime.now(UTC) + timedelta(hours=1))
    assert door(Verdict.MATCH, "ada", UID).denial is None
