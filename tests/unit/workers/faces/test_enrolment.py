"""Enrolment: who comes into being by it, and who does not; what speaks against a face; nobody is merged or doubled."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis

from shared.galleries.store import Template
from shared.ml.face.catalogue import ACCURATE_MODEL, DEFAULT_MODEL
from shared.ml.face.verification import Verdict
from shared.outbox import Reader
from shared.schemas import (
    Conflicts,
    EnrolmentPayload,
    FaceSource,
    Job,
    JobStatus,
    Lookalikes,
    Migration,
    MigrationState,
    Override,
    Person,
)
from shared.storage.store import MemoryStore
from tests.unit.workers.faces.enrolment_desk import GALLERY, TENANT, Desk, model_of

REFUSALS = ["no_face", "multiple_faces", "low_quality"]


@pytest.fixture
def desk(redis: Redis) -> Desk:
    return Desk(redis)


@pytest.fixture
def flagging(redis: Redis) -> Desk:
    return Desk(redis, conflicts=Conflicts.FLAG)


# --- a person exists from the first stored face on ---


def test_the_first_stored_face_makes_the_person(desk: Desk) -> None:
    first, second = desk.enrol("ada", "ada-1"), desk.enrol("ada", "ada-2")
    ada = desk.galleries.get_person(TENANT, GALLERY, "ada")
    assert (first.verdict, first.created, first.uid) == (Verdict.ENROLLED, True, ada.uid)
    assert (second.verdict, second.created, second.uid) == (Verdict.ENROLLED, False, ada.uid)
    assert {face.face: face.made_person for face in desk.faces("ada")} == {first.face: True, second.face: False}


def test_somebody_made_on_purpose_is_not_made_by_their_first_face(desk: Desk) -> None:
    desk.galleries.ensure_person(TENANT, GALLERY, "ada")
    assert not desk.enrol("ada", "ada-1").created


@pytest.mark.parametrize("verdict", REFUSALS)
def test_a_photo_that_cannot_be_used_makes_nobody(desk: Desk, verdict: str) -> None:
    assert desk.enrol("ada", verdict).verdict is Verdict(verdict)
    assert desk.objects() == []


def test_a_lookalike_that_is_refused_makes_nobody(redis: Redis) -> None:
    desk = Desk(redis, lookalikes=Lookalikes.REFUSE)
    desk.enrol("ada", "ada-1")
    before = desk.objects()
    result = desk.enrol("impostor", "ada-2")
    assert (result.verdict, result.face, result.created) == (Verdict.LOOKALIKE, None, False)
    assert [warning.person for warning in result.warnings] == ["ada"]
    assert desk.objects() == before


def test_photos_of_one_new_person_at_the_same_moment_make_one_person(desk: Desk) -> None:
    results = desk.enrol_at_once(*(("ada", f"ada-{number}") for number in range(1, 5)))
    ada = desk.galleries.get_person(TENANT, GALLERY, "ada")
    assert [result.verdict for result in results] == [Verdict.ENROLLED] * 4
    assert {result.uid for result in results} == {ada.uid}
    assert [result.created for result in results].count(True) == 1
    assert {face.person_uid for face in desk.faces("ada")} == {ada.uid}
    assert len(desk.faces("ada")) == 4


def test_who_is_made_on_purpose_meanwhile_is_the_person_who_is_meant(desk: Desk) -> None:
    job = desk.accept("ada", "ada-1")
    made = desk.galleries.ensure_person(TENANT, GALLERY, "ada")
    assert desk.work(job).status is JobStatus.SUCCEEDED
    assert [face.person_uid for face in desk.faces("ada")] == [made.uid]


def test_who_comes_into_being_between_look_and_store_is_the_person_who_is_meant(redis: Redis) -> None:
    """The first attempt finds the id taken, and takes its face back; the next one enrols."""

    class Meddling(MemoryStore):
        made: Person | None = None

        def put_if_absent(self, key: str, data: bytes) -> bool:
            if "/persons/ada" in key and self.made is None:
                self.made = Person(id="ada", uid="u" * 32, created_at=datetime.now(UTC), name="Ada")
                super().put(key, self.made.model_dump_json().encode())
            return super().put_if_absent(key, data)

    desk = Desk(redis, store=Meddling())
    assert not desk.enrol("ada", "ada-1").created
    assert [face.person_uid for face in desk.faces("ada")] == ["u" * 32]
    assert desk.galleries.get_person(TENANT, GALLERY, "ada").name == "Ada"


def test_a_repeated_attempt_ends_as_the_first_would_have(desk: Desk) -> None:
    """A worker that died after storing the face, before its job was done."""
    job = desk.accept("ada", "ada-1")
    desk.enroller.enrol(EnrolmentPayload.model_validate(job.payload), _held(job))
    result = desk.work(job).result
    assert result is not None
    assert (result["verdict"], result["created"], result["face"]) == ("enrolled", True, job.payload["face"])
    assert len(desk.faces("ada")) == 1


# --- who was erased stays erased ---


def test_who_was_erased_since_an_enrolment_was_accepted_does_not_come_back(desk: Desk) -> None:
    job = desk.accept("ada", "ada-1")
    desk.enrol("ada", "ada-2")
    desk.erase("ada")
    desk.work(job)
    assert desk.objects() == []


@pytest.mark.parametrize("known", [True, False])
def test_who_is_erased_while_the_photo_is_looked_at_does_not_come_back(desk: Desk, known: bool) -> None:
    if known:
        desk.enrol("ada", "ada-1")
    job = desk.accept("ada", "ada-2")

    def erase() -> None:
        desk.before_the_end = lambda: None
        if not known:
            desk.galleries.ensure_person(TENANT, GALLERY, "ada")
        desk.erase("ada")

    desk.before_the_end = erase
    desk.work(job)
    assert desk.objects() == []
    assert desk.people() == []


def test_who_is_erased_while_their_face_is_stored_does_not_come_back(redis: Redis) -> None:
    class Erasing(MemoryStore):
        desk: Desk | None = None

        def put(self, key: str, data: bytes, content_type: str = "") -> None:
            super().put(key, data, content_type)
            if "/templates/ada/" in key and self.desk:
                desk, self.desk = self.desk, None
                desk.galleries.ensure_person(TENANT, GALLERY, "ada")
                desk.erase("ada")

    store = Erasing()
    desk = Desk(redis, store=store)
    job = desk.accept("ada", "ada-1")
    store.desk = desk
    desk.work(job)
    assert desk.objects() == []


def test_who_follows_somebody_erased_is_enrolled(desk: Desk) -> None:
    desk.enrol("ada", "ada-1")
    desk.erase("ada")
    assert desk.enrol("ada", "bob-1").created


def test_nobody_comes_into_being_in_another_gallery_of_that_name(desk: Desk) -> None:
    job = desk.accept("ada", "ada-1")
    desk.galleries.delete_gallery(TENANT, GALLERY)
    desk.galleries.create_gallery(TENANT, GALLERY)
    done = desk.work(job)
    assert (done.status, done.error and done.error.code) == (JobStatus.FAILED, "gallery_not_found")
    assert desk.objects() == []


def test_nothing_stays_in_a_gallery_that_was_deleted_meanwhile(redis: Redis) -> None:
    class Deleting(MemoryStore):
        desk: Desk | None = None

        def put_if_absent(self, key: str, data: bytes) -> bool:
            if "/persons/ada" in key and self.desk:
                desk, self.desk = self.desk, None
                desk.galleries.delete_gallery(TENANT, GALLERY)
            return super().put_if_absent(key, data)

    store = Deleting()
    desk = Desk(redis, store=store)
    job = desk.accept("ada", "ada-1")
    store.desk = desk
    assert desk.work(job).status is JobStatus.FAILED
    assert list(store.keys(f"galleries/{TENANT}/{GALLERY}/")) == [], "the name is free"


# --- an enrolment that comes to nothing ---


def _stored(desk: Desk, job: Job) -> None:
    """As by a worker that was lost then."""
    claimed = desk.jobs.claim(job.id)
    assert claimed is not None
    desk.enroller.enrol(EnrolmentPayload.model_validate(job.payload), _held(claimed))


def _held(job: Job) -> Any:
    return type("Held", (), {"job": job})()


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.EXPIRED])
def test_a_job_that_ends_without_success_makes_nobody(desk: Desk, status: JobStatus) -> None:
    job = desk.accept("ada", "ada-1")
    _stored(desk, job)
    assert desk.people() == ["ada"]
    desk.runner.tidy(job.model_copy(update={"status": status, "attempts": 1}))
    assert desk.objects() == []


def test_a_job_that_ends_without_success_takes_nobody_who_has_another_face(desk: Desk) -> None:
    job = desk.accept("ada", "ada-1")
    _stored(desk, job)
    desk.enrol("ada", "ada-2")
    desk.runner.tidy(job.model_copy(update={"status": JobStatus.FAILED, "attempts": 1}))
    assert (desk.people(), len(desk.faces("ada"))) == (["ada"], 1)


def test_a_job_that_ends_without_success_takes_nobody_of_whom_something_was_said_since(desk: Desk) -> None:
    job = desk.accept("ada", "ada-1")
    _stored(desk, job)
    desk.galleries.update_person(TENANT, GALLERY, "ada", lambda one: one.model_copy(update={"name": "Ada"}))
    desk.runner.tidy(job.model_copy(update={"status": JobStatus.FAILED, "attempts": 1}))
    assert (desk.people(), desk.faces("ada")) == (["ada"], [])


# --- what a batch says of a new person ---


def test_what_a_batch_says_is_known_from_the_first_face_on(desk: Desk) -> None:
    said = Person(id="ada", uid="", created_at=datetime.min, name="Ada", external_id="7", groups=("night",))
    desk.store.put("batches/said", said.model_dump_json().encode())
    desk.enrol("ada", "ada-1", record_key="batches/said")
    ada = desk.galleries.get_person(TENANT, GALLERY, "ada")
    assert (ada.name, ada.external_id, ada.groups) == ("Ada", "7", ("night",))
    assert len(ada.uid) == 32
    (told,) = [one for one in desk.outbox.read(Reader.AUDIT, 100) if one.kind == "person.changed"]
    assert told.data == {"gallery": GALLERY, "uid": ada.uid, "fields": ["external_id", "groups", "name"]}


def test_who_was_to_be_kept_until_before_the_first_face_does_not_come_into_being(desk: Desk) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    said = Person(id="ada", uid="", created_at=datetime.min, expires_at=past)
    desk.store.put("batches/said", said.model_dump_json().encode())
    done = desk.work(desk.accept("ada", "ada-1", record_key="batches/said"))
    assert (done.status, done.error and done.error.code) == (JobStatus.FAILED, "person_changed")
    assert desk.objects() == []


# --- one typo lets no stranger in ---


def test_a_photo_of_somebody_else_is_refused_with_what_to_do(desk: Desk) -> None:
    desk.enrol("ada", "ada-1")
    before = desk.objects()
    result = desk.enrol("ada", "bob-1")
    assert (result.verdict, result.face) == (Verdict.IDENTITY_CONFLICT, None)
    assert "Is the id the right one" in (result.reason or "")
    assert "override=identity_conflict" in (result.reason or "")
    assert [warning.code for warning in result.warnings] == ["identity_conflict"]
    assert desk.objects() == before


def test_whoever_is_sure_overrides_it(desk: Desk) -> None:
    desk.enrol("ada", "ada-1")
    result = desk.enrol("ada", "bob-1", override=Override.IDENTITY_CONFLICT)
    assert (result.verdict, [warning.code for warning in result.warnings]) == ("enrolled", ["identity_conflict"])
    assert len(desk.faces("ada")) == 2


def test_a_gallery_may_only_flag_it(flagging: Desk) -> None:
    flagging.enrol("ada", "ada-1")
    result = flagging.enrol("ada", "bob-1")
    assert (result.verdict, [warning.code for warning in result.warnings]) == ("enrolled", ["identity_conflict"])


def test_a_request_may_be_stricter_than_the_gallery(flagging: Desk) -> None:
    flagging.enrol("ada", "ada-1")
    result = flagging.enrol("ada", "bob-1", conflicts=Conflicts.REFUSE)
    assert result.verdict is Verdict.IDENTITY_CONFLICT
    assert len(flagging.faces("ada")) == 1


def test_an_override_lets_no_lookalike_through(redis: Redis) -> None:
    desk = Desk(redis, lookalikes=Lookalikes.REFUSE)
    desk.enrol("ada", "ada-1")
    desk.enrol("bob", "bob-1")
    result = desk.enrol("ada", "bob-2", override=Override.IDENTITY_CONFLICT)
    assert result.verdict is Verdict.LOOKALIKE
    assert len(desk.faces("ada")) == 1


def test_a_person_with_two_looks_is_enrolled_with_either(desk: Desk) -> None:
    desk.enrol("ada", "ada-1")
    desk.enrol("ada", "bob-1", override=Override.IDENTITY_CONFLICT)
    assert desk.enrol("ada", "ada-2").verdict is Verdict.ENROLLED
    assert desk.enrol("ada", "bob-2").verdict is Verdict.ENROLLED
    assert desk.enrol("ada", "eve-1").verdict is Verdict.IDENTITY_CONFLICT


def test_of_two_faces_of_a_new_person_at_the_same_moment_one_is_enrolled(desk: Desk) -> None:
    for number in range(8):
        person = f"new-{number}"
        results = desk.enrol_at_once((person, "ada-1"), (person, "bob-1"))
        assert sorted(result.verdict for result in results) == [Verdict.ENROLLED, Verdict.IDENTITY_CONFLICT]
        assert len(desk.faces(person)) == 1


def test_of_two_faces_of_somebody_without_any_at_the_same_moment_one_is_enrolled(desk: Desk) -> None:
    for number in range(8):
        person = f"known-{number}"
        desk.galleries.ensure_person(TENANT, GALLERY, person)
        results = desk.enrol_at_once((person, "ada-1"), (person, "bob-1"))
        assert sorted(result.verdict for result in results) == [Verdict.ENROLLED, Verdict.IDENTITY_CONFLICT]


@pytest.mark.parametrize("known", [True, False])
def test_two_are_not_merged_even_when_both_are_worked_on_unguarded(redis: Redis, known: bool) -> None:
    desk = Desk(redis, guarded=False)
    for number in range(3):
        person = f"p-{number}"
        if known:
            desk.galleries.ensure_person(TENANT, GALLERY, person)
        desk.enrol_at_once((person, "ada-1"), (person, "bob-1"))
        assert len(desk.faces(person)) <= 1


def test_who_was_left_behind_by_a_migration_is_known_by_the_former_model(desk: Desk) -> None:
    desk.enrol("ada", "ada-1")
    _migrate(desk, MigrationState.CUT_OVER)
    assert desk.enrol("ada", "bob-1").verdict is Verdict.IDENTITY_CONFLICT
    assert desk.enrol("ada", "ada-2").verdict is Verdict.ENROLLED
    assert (len(desk.faces("ada")), len(desk.faces("ada", ACCURATE_MODEL))) == (2, 1)


# --- the same photo again ---


def test_the_same_photo_ten_times_is_one_face(desk: Desk) -> None:
    first = desk.enrol("ada", "ada-1")
    again = [desk.enrol("ada", "ada-1") for _ in range(9)]
    assert {(one.verdict, one.face, one.created) for one in again} == {(Verdict.ALREADY_ENROLLED, first.face, False)}
    assert [face.face for face in desk.faces("ada")] == [first.face]


@pytest.mark.parametrize("known", [True, False])
def test_the_same_photo_ten_times_at_the_same_moment_is_one_face(desk: Desk, known: bool) -> None:
    if known:
        desk.galleries.ensure_person(TENANT, GALLERY, "ada")
    results = desk.enrol_at_once(*[("ada", "ada-1")] * 10)
    assert [one.verdict for one in results].count(Verdict.ENROLLED) == 1
    (face,) = desk.faces("ada")
    assert {one.face for one in results} == {face.face}


def test_a_photo_that_is_sent_again_pushes_no_other_out(redis: Redis) -> None:
    desk = Desk(redis, templates_per_person=3)
    kept = {desk.enrol("ada", f"ada-{number}").face for number in (1, 2, 3)}
    for _ in range(5):
        assert desk.enrol("ada", "ada-3").replaced is None
    assert {face.face for face in desk.faces("ada")} == kept


def test_the_photo_of_another_person_is_not_enrolled_already(desk: Desk) -> None:
    desk.enrol("ada", "ada-1")
    assert desk.enrol("twin", "ada-1").verdict is Verdict.ENROLLED


# --- what is kept of a face beside its template ---


def test_a_face_knows_its_label_and_where_it_came_from(desk: Desk) -> None:
    desk.enrol("ada", "ada-1", label="passport", source=FaceSource.BATCH)
    (face,) = desk.faces("ada")
    assert (face.label, face.source, face.thumbnail) == ("passport", FaceSource.BATCH, None)


def _pictures(desk: Desk) -> list[str]:
    """Every object, of whatever kind, that holds a JPEG."""
    return [key for key in desk.store.keys("") if _holds_picture(desk.store.get(key))]


def _holds_picture(data: bytes) -> bool:
    return b"/9j/" in data or b"\xff\xd8\xff" in data


@pytest.fixture
def showing(redis: Redis) -> Desk:
    return Desk(redis, thumbnails=True, templates_per_person=2)


def test_a_thumbnail_is_kept_where_the_gallery_wants_it(showing: Desk) -> None:
    showing.enrol("ada", "ada-1")
    (face,) = showing.faces("ada")
    assert face.thumbnail is not None
    assert face.thumbnail.startswith(b"\xff\xd8\xff")
    assert len(face.thumbnail) < 8000
    assert len(_pictures(showing)) == 1


def test_what_is_searched_has_no_thumbnails(showing: Desk) -> None:
    showing.enrol("ada", "ada-1")
    assert [one.thumbnail for one in showing.galleries.all_templates(TENANT, GALLERY, DEFAULT_MODEL.digest)] == [None]


def _delete_face(desk: Desk, face: Template) -> None:
    desk.galleries.delete_template(TENANT, GALLERY, "ada", face.face)


def _erase(desk: Desk, _: Template) -> None:
    desk.erase("ada")


def _delete_gallery(desk: Desk, _: Template) -> None:
    desk.galleries.delete_gallery(TENANT, GALLERY)


def _complete_migration(desk: Desk, _: Template) -> None:
    desk.galleries.delete_model_templates(TENANT, GALLERY, DEFAULT_MODEL.digest)


GOING: dict[str, Callable[[Desk, Template], None]] = {
    "face deleted": _delete_face,
    "person erased": _erase,
    "gallery deleted": _delete_gallery,
    "migrated": _complete_migration,
}


@pytest.mark.parametrize("how", GOING)
def test_a_thumbnail_goes_with_its_face(showing: Desk, how: str) -> None:
    showing.enrol("ada", "ada-1")
    GOING[how](showing, showing.faces("ada")[0])
    assert _pictures(showing) == []


def test_a_thumbnail_goes_with_a_face_that_makes_room(showing: Desk) -> None:
    for number in (1, 2, 3):
        showing.enrol("ada", f"ada-{number}")
    assert len(_pictures(showing)) == 2


def test_of_an_enrolment_that_fails_no_thumbnail_stays(showing: Desk) -> None:
    job = showing.accept("ada", "ada-1")
    _stored(showing, job)
    showing.runner.tidy(job.model_copy(update={"status": JobStatus.FAILED, "attempts": 1}))
    assert _pictures(showing) == []


def test_a_rule_that_is_turned_off_meanwhile_holds(showing: Desk) -> None:
    def turn_off() -> None:
        showing.before_the_end = lambda: None
        showing.galleries.update_gallery(
            TENANT, GALLERY, lambda gallery: gallery.model_copy(update={"thumbnails": False})
        )

    showing.before_the_end = turn_off
    assert showing.enrol("ada", "ada-1").verdict is Verdict.ENROLLED
    assert _pictures(showing) == []


# --- supplying photos again ---


def _migrate(desk: Desk, state: MigrationState = MigrationState.OPEN) -> str:
    source, target = model_of(DEFAULT_MODEL), model_of(ACCURATE_MODEL)
    migration = Migration(id="mig", state=state, source=source, target=target, created_at=datetime.now(UTC))
    used = source if state is MigrationState.OPEN else target
    change = {"migration": migration, "model": used}
    desk.galleries.update_gallery(TENANT, GALLERY, lambda gallery: gallery.model_copy(update=change))
    return migration.id


def test_a_photo_of_somebody_else_migrates_nobody(desk: Desk) -> None:
    desk.enrol("ada", "ada-1")
    migration = _migrate(desk)
    result = desk.reembed("ada", "bob-1", migration)
    assert (result.verdict, result.face) == (Verdict.IDENTITY_CONFLICT, None)
    assert desk.faces("ada", ACCURATE_MODEL) == []
    sure = desk.reembed("ada", "bob-1", migration, override=Override.IDENTITY_CONFLICT)
    assert sure.verdict is Verdict.ENROLLED


def test_a_photo_that_is_supplied_twice_is_one_face(desk: Desk) -> None:
    desk.enrol("ada", "ada-1")
    migration = _migrate(desk)
    first, again = (desk.reembed("ada", "ada-1", migration, label="desk") for _ in range(2))
    assert (first.verdict, again.verdict, again.face) == ("enrolled", "already_enrolled", first.face)
    (face,) = desk.faces("ada", ACCURATE_MODEL)
    assert (face.label, face.source) == ("desk", FaceSource.REEMBEDDING)
