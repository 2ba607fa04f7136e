"""What the audit tells of each occurrence, and what it never tells."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel
from redis import Redis

from shared.erasures.eraser import Erasing
from shared.erasures.log import ErasureReason
from shared.galleries.store import GalleryStore
from shared.ml.face.verification import Verdict
from shared.outbox import UNREADABLE, Occurrence
from shared.schemas import (
    AuditFact,
    Candidate,
    ComparisonPayload,
    ComparisonResult,
    Decision,
    Denial,
    EnrolmentPayload,
    EnrolmentResult,
    FaceBox,
    FaceView,
    FaceWarning,
    JobType,
    LivenessCheckPayload,
    LivenessCheckResult,
    Model,
    NewPerson,
    Override,
    PassiveResult,
    PassiveStatus,
    Person,
    Quality,
    RecognisedFace,
    RecognitionPayload,
    RecognitionResult,
    VerificationPayload,
    VerificationResult,
)
from shared.storage.store import MemoryStore
from workers.audit_facts import People, facts_of

MODEL = Model(name="sface", digest="d1")
BOX, QUALITY = FaceBox(x=1, y=2, width=30, height=40), Quality(score=0.917)
SCORE = 0.73125
POLICY = "verify-fmr-1e-4"
VERIFICATION = VerificationPayload(gallery="staff", person="ada", image_key="uploads/x", policy=POLICY, device="front")
RECOGNITION = RecognitionPayload(
    gallery="staff", image_key="uploads/x", top_k=5, policy="identify-fpir-1e-2", device="gate"
)
NOW = datetime.now(UTC)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def galleries(store: MemoryStore, redis: Redis) -> GalleryStore:
    made = GalleryStore(store, redis, "test:")
    made.create_gallery("acme", "staff")
    return made


@pytest.fixture
def ada(galleries: GalleryStore) -> Person:
    return galleries.ensure_person("acme", "staff", "ada")


@pytest.fixture
def people(galleries: GalleryStore, store: MemoryStore) -> People:
    return People(galleries, store)


def occurrence(kind: str, data: dict[str, Any], at: datetime | None = None) -> Occurrence:
    # The next whole second: fractions of one can look like a score.
    when = (at or datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)).timestamp()
    return Occurrence(id="17-0", at=when, tenant="acme", kind=kind, actor="key1", trace="r1", data=data)


def finished(job_type: str, payload: BaseModel, result: BaseModel, at: datetime | None = None) -> Occurrence:
    data = {"job": "j1", "type": job_type, "status": "succeeded", "payload": payload.model_dump(mode="json")}
    more = {"result": result.model_dump(mode="json"), "model": MODEL.model_dump()}
    return occurrence("job", {**data, **more}, at)


def verified(**more: Any) -> VerificationResult:
    members = {"verdict": Verdict.MATCH, "policy": POLICY, "threshold": 0.425, "score": SCORE, "person": "ada", **more}
    return VerificationResult.model_validate({**members, "face": FaceView(box=BOX, quality=QUALITY)})


def face(verdict: Verdict, **more: Any) -> RecognisedFace:
    return RecognisedFace.model_validate({"verdict": verdict, "box": BOX, "quality": QUALITY, **more})


def recognised(*faces: RecognisedFace) -> RecognitionResult:
    verdict = faces[0].verdict if faces else Verdict.NO_FACE
    return RecognitionResult(verdict=verdict, policy=RECOGNITION.policy, threshold=0.47, persons=9, faces=list(faces))


def only(found: list[AuditFact]) -> AuditFact:
    (fact,) = found
    return fact


def test_a_verification_says_who_asked_whom_where_and_how_it_came_out(people: People, ada: Person) -> None:
    result = verified(decision=Decision.GRANTED, liveness=PassiveStatus.LIVE)
    fact = only(facts_of(finished("verification", VERIFICATION, result), people))
    assert fact.model_dump(exclude={"at"}) == {
        "id": "17-0",
        "action": "verification",
        "actor": "key1",
        "request_id": "r1",
        "job": "j1",
        "gallery": "staff",
        "person": ada.uid,
        "device": "front",
        "outcome": "match",
        "reason": None,
        "policy": POLICY,
        "decision": "granted",
        "details": {"model": "d1", "liveness": "live"},
    }


def test_why_access_was_denied_is_told(people: People, ada: Person) -> None:  # noqa: ARG001
    result = verified(decision=Decision.DENIED, denial=Denial.OUTSIDE_OPENING_HOURS, reason="A sentence.")
    fact = only(facts_of(finished("verification", VERIFICATION, result), people))
    assert (fact.outcome, fact.decision, fact.reason) == ("match", "denied", "outside_opening_hours")


def test_no_score_box_picture_or_name_is_told(people: People, ada: Person) -> None:  # noqa: ARG001
    candidates = [Candidate(person="ada", score=SCORE), Candidate(person="bob", score=0.1)]
    seen = face(Verdict.RECOGNISED, person="ada", score=SCORE, candidates=candidates)
    told = [
        *facts_of(finished("verification", VERIFICATION, verified()), people),
        *facts_of(finished("recognition", RECOGNITION, recognised(seen)), people),
        *facts_of(
            occurrence("person.changed", {"gallery": "staff", "person": "ada", "name": "Ada L", "x": [0.1]}), people
        ),
    ]
    text = "".join(fact.model_dump_json() for fact in told)
    for secret in (str(SCORE), "0.42", "0.917", "uploads/", '"ada"', "bob", "Ada L", "0.1"):
        assert secret not in text


def test_each_face_of_a_recognition_is_an_entry_of_its_own(people: People, ada: Person) -> None:
    seen = recognised(
        face(Verdict.RECOGNISED, person="ada", decision=Decision.GRANTED),
        face(Verdict.NOT_RECOGNISED, decision=Decision.DENIED, denial=Denial.NOT_RECOGNISED),
    )
    first, second = facts_of(finished("recognition", RECOGNITION, seen), people)
    assert (first.id, second.id) == ("17-0.0", "17-0.1")
    assert (first.person, first.outcome, first.decision, first.device) == (ada.uid, "recognised", "granted", "gate")
    assert (second.person, second.outcome, second.reason) == (None, "not_recognised", "not_recognised")
    assert first.details == {"model": "d1", "face": 0, "faces": 2}


def test_a_recognition_without_a_face_is_one_entry(people: People) -> None:
    result = recognised().model_copy(update={"decision": Decision.DENIED, "denial": Denial.NO_FACE})
    fact = only(facts_of(finished("recognition", RECOGNITION, result), people))
    assert (fact.id, fact.outcome, fact.decision, fact.reason) == ("17-0", "no_face", "denied", "no_face")


def test_an_enrolment_carries_the_pseudonym_itself(people: People) -> None:
    payload = EnrolmentPayload(gallery="staff", person="ada", person_uid="u9", face="f1", image_key="k", device="desk")
    warning = FaceWarning(code="lookalike", detail="Resembles somebody.", person="bob", score=0.6)
    result = EnrolmentResult(verdict=Verdict.ENROLLED, person="ada", face="f1", warnings=[warning])
    fact = only(facts_of(finished("enrolment", payload, result), people))
    assert (fact.person, fact.outcome, fact.device) == ("u9", "enrolled", "desk")
    assert fact.details == {"model": "d1", "face": "f1", "warnings": ["lookalike"]}


def test_an_enrolment_against_a_rule_names_what_was_overridden(people: People) -> None:
    payload = EnrolmentPayload(
        gallery="staff",
        person="ada",
        person_uid="u9",
        face="f1",
        image_key="k",
        override=Override.IDENTITY_CONFLICT,
    )
    warning = FaceWarning(code="identity_conflict", detail="Is it somebody else?", score=0.1)
    result = EnrolmentResult(verdict=Verdict.ENROLLED, person="ada", uid="u9", face="f1", warnings=[warning])
    fact = only(facts_of(finished("enrolment", payload, result), people))
    assert (fact.details["override"], fact.details["warnings"]) == ("identity_conflict", ["identity_conflict"])


def test_an_enrolment_that_makes_somebody_is_told_of_whom_it_made(people: People) -> None:
    new = NewPerson(asked_at=datetime.now(UTC), gallery_created_at=datetime.now(UTC))
    payload = EnrolmentPayload(
        gallery="staff", person="new", person_uid="proposed", face="f1", image_key="k", new_person=new
    )
    made = EnrolmentResult(verdict=Verdict.ENROLLED, person="new", uid="u9", created=True, face="f1")
    refused = EnrolmentResult(verdict=Verdict.NO_FACE, reason="why", person="new")
    assert only(facts_of(finished("enrolment", payload, made), people)).person == "u9"
    assert only(facts_of(finished("enrolment", payload, refused), people)).person is None, "nobody came into being"


def test_comparisons_and_liveness_checks_concern_no_enrolled_person(people: People) -> None:
    compared = finished(
        "comparison",
        ComparisonPayload(image_a_key="a", image_b_key="b", model=MODEL, policy=POLICY),
        ComparisonResult(verdict=Verdict.NO_MATCH, policy=POLICY, threshold=0.4, score=0.1),
    )
    checked = finished(
        "liveness_check",
        LivenessCheckPayload(session="s", attempt="a", frame_keys=("k",)),
        LivenessCheckResult(
            verdict=Verdict.SPOOF_SUSPECTED, failure="wrong_action", session="s", actions=[],
            passive=PassiveResult(status=PassiveStatus.LIVE, score=0.9),
        ),
    )  # fmt: skip
    fact = only(facts_of(compared, people))
    assert (fact.action, fact.person, fact.outcome, fact.policy) == ("comparison", None, "no_match", POLICY)
    fact = only(facts_of(checked, people))
    assert (fact.action, fact.outcome, fact.reason) == ("liveness_check", "spoof_suspected", "wrong_action")


@pytest.mark.parametrize("status", ["failed", "cancelled", "expired"])
def test_a_job_that_came_to_nothing_is_told_too(status: str, people: People, ada: Person) -> None:
    data = {"job": "j1", "type": "verification", "status": status, "payload": VERIFICATION.model_dump(mode="json")}
    error = {"error": {"code": "person_changed", "detail": "The person 'ada' ..."}} if status == "failed" else {}
    fact = only(facts_of(occurrence("job", {**data, **error}), people))
    assert (fact.outcome, fact.person, fact.device) == (status, ada.uid, "front")
    assert fact.reason == ("person_changed" if error else None)


@pytest.mark.parametrize("job_type", list(JobType))
def test_every_job_about_people_is_told_and_no_other(job_type: JobType, people: People) -> None:
    data = {"job": "j1", "type": job_type.value, "status": "cancelled", "payload": {"gallery": "staff"}}
    told = facts_of(occurrence("job", data), people)
    assert bool(told) == (job_type not in {JobType.DETECTION, JobType.STYLIZATION, JobType.VISUALISATION})


def test_a_change_tells_counts_and_identifiers(people: People) -> None:
    data = {"gallery": "staff", "person": "ada", "uid": "u1", "reason": "requested", "templates": 3, "threshold": 0.4}
    fact = only(facts_of(occurrence("person.erased", data), people))
    assert (fact.action, fact.person, fact.reason, fact.gallery) == ("person.erased", "u1", "requested", "staff")
    assert fact.details == {"templates": 3}


def test_a_refused_attempt_is_a_denial_of_the_person_it_was_about(people: People, ada: Person) -> None:
    data = {"gallery": "staff", "person": "ada", "device": "front", "decision": "denied", "reason": "person_locked"}
    fact = only(facts_of(occurrence("verification.refused", data), people))
    assert (fact.person, fact.device, fact.decision, fact.reason) == (ada.uid, "front", "denied", "person_locked")
    assert fact.details == {}


def test_a_key_is_told_by_its_id_and_scopes(people: People) -> None:
    data = {"key": "k2", "scopes": ["enrol", "verify"], "name": "Front desk of Ada"}
    assert only(facts_of(occurrence("key.created", data), people)).details == {
        "key": "k2",
        "scopes": ["enrol", "verify"],
    }


def erasing(uid: str, erased_at: datetime) -> Erasing:
    reason = ErasureReason.REQUESTED
    return Erasing(tenant="acme", gallery="staff", person="ada", uid=uid, reason=reason, erased_at=erased_at)


def test_work_for_somebody_who_was_erased_since_is_told_of_him_and_not_of_his_successor(
    people: People, store: MemoryStore, ada: Person
) -> None:
    for uid, minutes in (("a" * 32, 20), ("b" * 32, 10)):
        was = erasing(uid, ada.created_at - timedelta(minutes=minutes))
        store.put(was.key, was.model_dump_json().encode())

    def who(minutes_ago: float) -> str | None:
        at = ada.created_at - timedelta(minutes=minutes_ago)
        return only(facts_of(finished("verification", VERIFICATION, verified(), at), people)).person

    assert who(25) == "a" * 32
    assert who(15) == "b" * 32
    assert who(5) == "b" * 32  # nobody had the id: it was on its way when he was erased
    assert who(-1) == ada.uid


def test_nobody_is_told_when_nobody_knows_who_it_was(people: People) -> None:
    assert only(facts_of(finished("verification", VERIFICATION, verified()), people)).person is None


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("job", {}),
        ("job", {"job": "j", "type": "recognition", "status": "succeeded"}),
        ("job", {"job": "j", "type": "verification", "status": "succeeded", "payload": {"device": {"a": 1}}}),
        ("job", {"job": "j", "type": "verification", "status": "succeeded", "payload": "text"}),
        ("odd", {"gallery": 5}),
        ("odd", {"model": 0.5}),
    ],
)
def test_what_cannot_be_read_is_told_as_that(kind: str, data: dict[str, Any], people: People) -> None:
    fact = only(facts_of(occurrence(kind, data), people))
    assert (fact.action, fact.outcome, fact.actor) == (data.get("type", kind), UNREADABLE, "key1")


@pytest.mark.parametrize("person", ["0123456789abcdef" * 2, "f" * 32])
def test_an_id_that_looks_like_a_pseudonym_is_not_told(person: str, people: People, galleries: GalleryStore) -> None:
    payload = VERIFICATION.model_copy(update={"person": person})
    assert only(facts_of(finished("verification", payload, verified(person=person)), people)).person is None
    record = galleries.ensure_person("acme", "staff", person)
    again = People(galleries, MemoryStore())
    assert only(facts_of(finished("verification", payload, verified(person=person)), again)).person == record.uid


def test_a_damaged_record_costs_the_pseudonym_and_nothing_else(people: People, store: MemoryStore) -> None:
    store.put("galleries/acme/staff/persons/ada.json", b"{broken")
    fact = only(facts_of(finished("verification", VERIFICATION, verified(decision=Decision.GRANTED)), people))
    assert (fact.person, fact.outcome, fact.decision) == (None, "match", "granted")
    assert (fact.job, fact.gallery, fact.device) == ("j1", "staff", "front")


@pytest.mark.parametrize("text", ["\ud800", "\udc00x"])
def test_what_is_no_unicode_is_told_as_unreadable_with_what_can_be(text: str, people: People) -> None:
    data = {"job": "j1", "type": "verification", "status": "succeeded", "result": {"verdict": text}}
    payload = {"gallery": "staff", "device": "front", "person": text}
    fact = only(facts_of(occurrence("job", {**data, "payload": payload}), people))
    assert (fact.outcome, fact.person) == (UNREADABLE, None)
    assert (fact.action, fact.job, fact.gallery, fact.device) == ("verification", "j1", "staff", "front")
    assert only(facts_of(occurrence("odd", {"key": text}), people)).outcome == UNREADABLE
