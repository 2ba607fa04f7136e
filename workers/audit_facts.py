"""What the audit tells of an occurrence: who did what to whom, where, and how it came out.

Never images, embeddings, scores or names. A person is told by his `uid`, a pseudonym that only his record links to
him. What is told of an occurrence's data is listed here; everything else is left out.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shared.audit.chain import canonical
from shared.erasures.eraser import Erasing, erasures_of
from shared.galleries.store import GalleryStore
from shared.outbox import JOB, UNREADABLE, Occurrence
from shared.schemas import ID_PATTERN, AuditFact, JobStatus, JobType, Person
from shared.storage.store import ObjectStore

NOT_AUDITED = frozenset({JobType.DETECTION, JobType.STYLIZATION, JobType.VISUALISATION})  # concern nobody in particular
# Beside whole numbers: identifiers, and names of fields and choices.
TOLD = frozenset(
    {"batch", "face", "fields", "id", "into", "key", "kind", "migration", "model", "role", "scopes", "undo"}
)
WRONG = (LookupError, TypeError, ValueError, AttributeError, RecursionError)  # what data of another shape raise


class People:
    """The pseudonyms behind the ids of people, looked up once in a round."""

    def __init__(self, galleries: GalleryStore, store: ObjectStore) -> None:
        self._galleries = galleries
        self._store = store
        self._found: dict[tuple[str, str, str], tuple[Person | None, list[Erasing]]] = {}

    def uid(self, occurrence: Occurrence, gallery: object, person: object) -> str | None:
        """Of who had that id at that moment; None when nobody is named, or nobody knows any more who that was."""
        if not isinstance(gallery, str) or not isinstance(person, str):
            return None
        whom = (occurrence.tenant, gallery, person)
        if whom not in self._found:
            self._found[whom] = self._look_up(*whom)
        present, erased = self._found[whom]
        at = datetime.fromtimestamp(occurrence.at, UTC)
        for former in erased:
            if at <= former.erased_at:
                return former.uid
        if present and present.created_at <= at:
            return present.uid
        return erased[-1].uid if erased else None  # who was being erased while the job came to its end

    def _look_up(self, tenant: str, gallery: str, person: str) -> tuple[Person | None, list[Erasing]]:
        """Who has the id and who had it; nobody where somebody damaged the record."""
        try:
            record = self._galleries.record(tenant, gallery, person)
            return record, erasures_of(self._store, tenant, gallery, person)
        except ValueError:
            return None, []


def facts_of(occurrence: Occurrence, people: People) -> list[AuditFact]:
    """The entries that an occurrence becomes; none for what is not audited.

    What cannot be read is told as such: a log with a gap would be worse, and one that goes no further too.
    """
    try:
        found = _of_job(occurrence, people) if occurrence.kind == JOB else [_of_change(occurrence, people)]
        for fact in found:
            canonical(fact.model_dump(mode="json"))
    except WRONG:
        return [_unreadable(occurrence)]
    return found


def _unreadable(occurrence: Occurrence) -> AuditFact:
    """With what of it is an identifier, all the same."""
    data = occurrence.data
    payload = data.get("payload")
    places = {**data, **(payload if isinstance(payload, dict) else {})}
    known = {name: places[name] for name in ("job", "gallery", "device") if _is_id(places.get(name))}
    action = data["type"] if occurrence.kind == JOB and _is_id(data.get("type")) else occurrence.kind
    return AuditFact(**_frame(occurrence, action=action), **known, outcome=UNREADABLE)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(ID_PATTERN, value) is not None


def _frame(occurrence: Occurrence, *, action: str) -> dict[str, Any]:
    return {
        "id": occurrence.id,
        "at": datetime.fromtimestamp(occurrence.at, UTC),
        "action": action,
        "actor": occurrence.actor or None,
        "request_id": occurrence.trace or None,
    }


def _of_job(occurrence: Occurrence, people: People) -> list[AuditFact]:
    data = occurrence.data
    if data["type"] in NOT_AUDITED:
        return []
    payload, result = data.get("payload", {}), data.get("result", {})
    common = {
        **_frame(occurrence, action=data["type"]),
        "job": data["job"],
        "gallery": payload.get("gallery"),
        "device": payload.get("device"),
        "policy": result.get("policy") or payload.get("policy"),
    }
    details = {"model": data["model"]["digest"]} if data.get("model") else {}
    if data["status"] != JobStatus.SUCCEEDED:
        reason = data.get("error", {}).get("code")
        person = _asked_for(occurrence, people)
        return [AuditFact(**common, person=person, outcome=data["status"], reason=reason, details=details)]
    if data["type"] == JobType.RECOGNITION and result["faces"]:
        return _of_faces(occurrence, people, common, details)
    return [
        AuditFact(
            **common,
            person=_asked_for(occurrence, people),
            outcome=result.get("verdict") or data["status"],
            reason=result.get("denial") or result.get("failure"),
            decision=result.get("decision"),
            details={**details, **_asked(payload), **_more(data["type"], result)},
        )
    ]


def _asked(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What the request wanted done against a rule."""
    return {"override": payload["override"]} if payload.get("override") else {}


def _of_faces(
    occurrence: Occurrence, people: People, common: Mapping[str, Any], details: Mapping[str, Any]
) -> list[AuditFact]:
    """An entry per face of a recognition, so that each person's are found."""
    faces = occurrence.data["result"]["faces"]
    return [
        AuditFact(
            **{**common, "id": f"{occurrence.id}.{number}"},
            person=people.uid(occurrence, common["gallery"], face.get("person")),
            outcome=face["verdict"],
            reason=face.get("denial"),
            decision=face.get("decision"),
            details={**details, **_more(JobType.RECOGNITION, face), "face": number, "faces": len(faces)},
        )
        for number, face in enumerate(faces)
    ]


def _asked_for(occurrence: Occurrence, people: People) -> str | None:
    """Whom the request named: an enrolment carries their pseudonym, or brings them into being."""
    payload, result = occurrence.data.get("payload", {}), occurrence.data.get("result", {})
    known = result.get("uid") or (None if payload.get("new_person") else payload.get("person_uid"))
    return known or people.uid(occurrence, payload.get("gallery"), payload.get("person"))


def _more(job_type: str, result: Mapping[str, Any]) -> dict[str, Any]:
    match job_type:
        case JobType.VERIFICATION | JobType.RECOGNITION:
            return {"liveness": result["liveness"]} if result.get("liveness") else {}
        case JobType.ENROLMENT | JobType.REEMBEDDING:
            warnings = sorted({warning["code"] for warning in result.get("warnings", ())})
            told = {name: result[name] for name in ("face", "replaced") if result.get(name)}
            return {**told, "warnings": warnings} if warnings else told
        case _:
            return _numbers(result)


def _of_change(occurrence: Occurrence, people: People) -> AuditFact:
    data = occurrence.data
    told = {name: value for name, value in data.items() if name in TOLD and value is not None}
    return AuditFact(
        **_frame(occurrence, action=occurrence.kind),
        job=data.get("job"),
        gallery=data.get("gallery"),
        person=data.get("uid") or people.uid(occurrence, data.get("gallery"), data.get("person")),
        device=data.get("device"),
        reason=data.get("reason"),
        decision=data.get("decision"),
        policy=data.get("policy"),
        details={**_numbers(data), **told},
    )


def _numbers(data: Mapping[str, Any]) -> dict[str, Any]:
    """Counts; a whole number says nothing about a face."""
    return {name: value for name, value in data.items() if type(value) is int}
