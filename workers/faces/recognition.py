"""Who the faces of a photo are, or the one person of several frames: the search, and what it says of each face."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from shared.ml.face.catalogue import ModelCard
from shared.ml.face.verification import (
    Candidate,
    Identification,
    IdentificationProfile,
    Verdict,
    identify,
    identify_faces,
)
from shared.schemas import Candidate as CandidateView
from shared.schemas import FaceView, Gallery, PassiveStatus, RecognisedFace, RecognisedFrame, RecognitionPayload
from workers import thresholds
from workers.face_models import Embedding
from workers.face_reader import Crowd, Face, Refusal
from workers.faces.frames import Frame, Probe
from workers.liveness_rule import Judge, Judgement
from workers.residents import ResidentGalleries
from workers.thresholds import Bound

NOBODY_ENROLLED = "Nobody's face is enrolled in this gallery yet: enrol people before they can be recognised."


@dataclass(frozen=True)
class Recognised:
    """What a request's faces came to; of several frames there is one face at most.

    Attributes:
        whole: the verdict of all frames, and its reason; None for a photo, which has that of its largest face.
        uids: of those who were found, by id.
    """

    faces: list[RecognisedFace]
    bound: Bound[IdentificationProfile]
    persons: int
    uids: dict[str, str]
    faces_found: int | None = None
    frames: list[RecognisedFrame] = field(default_factory=list)
    whole: tuple[Verdict, str | None] | None = None


@dataclass(frozen=True)
class _Found:
    candidates: list[list[Candidate]]
    bound: Bound[IdentificationProfile]
    persons: int
    uids: dict[str, str]


@dataclass(frozen=True, eq=False)
class Search:
    """The search of one job in the gallery that it names."""

    residents: ResidentGalleries
    payload: RecognitionPayload
    tenant: str
    gallery: Gallery
    card: ModelCard

    def photo(self, crowd: Crowd, judge: Judge) -> Recognised:
        """Everybody in one photo; nobody is found twice."""
        alive = {index: judge(face, self.card) for index, face in enumerate(crowd.faces) if isinstance(face, Face)}
        probes = [
            face.embedding
            for index, face in enumerate(crowd.faces)
            if isinstance(face, Face) and not alive[index].verdict
        ]
        # Two candidates at least, for the margin; and one more for each other face, which may take one away.
        found = self._search(probes, top_k=len(probes) + 1)
        decided = identify_faces(found.candidates, found.bound.profile, persons=found.persons)
        answers = iter(zip(probes, found.candidates, decided, strict=True))
        faces = []
        for index, face in enumerate(crowd.faces):
            if isinstance(face, Refusal):
                faces.append(_refused(face))
            elif alive[index].verdict:
                faces.append(_not_alive(face.view, alive[index]))
            else:
                probe, candidates, who = next(answers)
                faces.append(self._face(face.view, alive[index].status, probe, candidates, who, found))
        return Recognised(faces, found.bound, found.persons, found.uids, faces_found=crowd.found)

    def frames(self, probe: Probe) -> Recognised:
        """The one person whom several frames show."""
        each = [] if probe.embedding is None else [frame for frame in probe.frames if frame.refused is None]
        embeddings = [frame.face.embedding for frame in each if isinstance(frame.face, Face)]
        found = self._search([] if probe.embedding is None else [probe.embedding, *embeddings], top_k=2)
        decided = [identify(one, found.bound.profile, persons=found.persons) for one in found.candidates]
        by_frame = dict(zip(map(id, each), decided[1:], strict=True))
        frames = [_frame(frame, probe, by_frame.get(id(frame))) for frame in probe.frames]
        faces, whole = [], (probe.verdict or Verdict.NOT_RECOGNISED, probe.reason)
        if probe.embedding is not None and probe.view is not None:
            who = decided[0]
            faces = [self._face(probe.view, probe.liveness, probe.embedding, found.candidates[0], who, found)]
            whole = who.verdict, None
        elif probe.view is not None:
            faces = [
                RecognisedFace(
                    verdict=whole[0],
                    reason=probe.reason,
                    box=probe.view.box,
                    quality=probe.view.quality,
                    liveness=probe.liveness,
                )
            ]
        return Recognised(faces, found.bound, found.persons, found.uids, frames=frames, whole=whole)

    def _search(self, probes: Sequence[Embedding], *, top_k: int) -> _Found:
        stacked = np.stack(probes) if probes else np.empty((0, 1), np.float32)
        found, persons, uids = self.residents.search(
            self.tenant, self.gallery.id, stacked, digest=self.card.digest, top_k=max(self.payload.top_k, top_k)
        )
        bound = thresholds.for_identification(self.payload.policy, self.gallery, self.card, persons=persons)
        return _Found(found, bound, persons, uids)

    def _face(
        self,
        view: FaceView,
        liveness: PassiveStatus | None,
        probe: Embedding,
        candidates: Sequence[Candidate],
        who: Identification,
        found: _Found,
    ) -> RecognisedFace:
        return RecognisedFace(
            verdict=who.verdict,
            reason=None if found.persons else NOBODY_ENROLLED,
            box=view.box,
            quality=view.quality,
            person=who.person,
            matched_face=self._matched(who.person, found.uids, probe),
            liveness=liveness,
            score=who.score,
            candidates=[CandidateView(person=c.person, score=c.score) for c in candidates[: self.payload.top_k]],
        )

    def _matched(self, person: str | None, uids: dict[str, str], probe: Embedding) -> str | None:
        if person is None:
            return None
        return self.residents.matched_face(
            self.tenant, self.gallery.id, person, uids[person], probe, digest=self.card.digest
        )


def _frame(frame: Frame, probe: Probe, who: Identification | None) -> RecognisedFrame:
    verdict, reason = frame.refused or (probe.verdict or Verdict.NOT_RECOGNISED, None)
    view = frame.face.view
    return RecognisedFrame(
        verdict=who.verdict if who else verdict,
        reason=reason,
        box=view.box if view else None,
        quality=view.quality if view else None,
        person=who.person if who else None,
        liveness=frame.alive.status,
        score=who.score if who else None,
    )


def _not_alive(view: FaceView, alive: Judgement) -> RecognisedFace:
    return RecognisedFace(
        verdict=alive.verdict or Verdict.SPOOF_SUSPECTED,
        reason=alive.reason,
        box=view.box,
        quality=view.quality,
        liveness=alive.status,
    )


def _refused(face: Refusal) -> RecognisedFace:
    if face.view is None:
        raise AssertionError("a face that was seen has a view")
    return RecognisedFace(verdict=face.verdict, reason=face.reason, box=face.view.box, quality=face.view.quality)
