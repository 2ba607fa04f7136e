"""What came out of a job: from a worker to the client."""

from typing import Literal

from pydantic import Field

from shared.ml.face.verification import Verdict
from shared.ml.style.options import Colours
from shared.schemas.access import Decision, Denial
from shared.schemas.base import Message, Model
from shared.schemas.choices import PassiveStatus, StyleMode
from shared.schemas.faces import FaceBox, FaceView, Quality
from shared.schemas.galleries import Calibration
from shared.schemas.payloads import FineOptions


class FaceWarning(Message):
    """Something an operator should look at; the face was stored unless the verdict says otherwise."""

    code: Literal["lookalike", "identity_conflict", "other_faces"]
    detail: str
    person: str | None = Field(None, description="whom the face resembles; only for keys that may recognise")
    score: float | None = Field(None, description="only for keys with the scope scores:read")
    boxes: list[FaceBox] | None = Field(None, description="of `other_faces`: the faces that were not taken")


class EnrolmentResult(Message):
    verdict: Verdict = Field(
        description="enrolled, already_enrolled, no_face, multiple_faces, low_quality, lookalike or identity_conflict"
    )
    reason: str | None = None
    person: str
    uid: str | None = Field(None, description="the person's pseudonym; null when nothing is stored of this photo")
    created: bool = Field(False, description="whether this enrolment brought the person into being")
    face: str | None = Field(
        None, description="id of the stored face, of the one that was there already where the photo is the same"
    )
    box: FaceBox | None = None
    quality: Quality | None = None
    warnings: list[FaceWarning] = Field(default_factory=list)
    replaced: str | None = Field(None, description="the person's weakest face, which made room for this one")
    faces: list[FaceView] = Field(
        default_factory=list,
        description="those in the photo when nobody can tell which one is meant, the largest first; a face's place "
        "in this list, from 0, is what `face` takes",
    )


class VerifiedFrame(Message):
    """One of several frames by itself; a frame that was not compared because of another has the verdict of all."""

    verdict: Verdict
    reason: str | None = None
    box: FaceBox | None = None
    quality: Quality | None = None
    liveness: PassiveStatus | None = None
    score: float | None = Field(None, description="only for keys with the scope scores:read")


class VerificationResult(Message):
    verdict: Verdict = Field(
        description="match, no_match, no_face, multiple_faces, low_quality, spoof_suspected or liveness_unavailable"
    )
    reason: str | None = None
    policy: str
    threshold: float = Field(description="least cosine similarity that counts as a match")
    calibration: str | None = Field(None, description="id of the gallery's calibration that set the threshold")
    score: float | None = Field(None, description="cosine similarity; only for keys with the scope scores:read")
    matched_face: str | None = Field(
        None, description="id of the person's most similar face; only for keys with the scope scores:read"
    )
    person: str | None = None
    face: FaceView | None = Field(None, description="the one that was compared; of several frames, that of the best")
    faces: list[FaceView] = Field(
        default_factory=list,
        description="those in the photo when nobody can tell which one is meant, the largest first; a face's place "
        "in this list, from 0, is what `face` takes",
    )
    frames: list[VerifiedFrame] = Field(
        default_factory=list, description="what each of several frames says by itself, in their order"
    )
    warnings: list[FaceWarning] = Field(default_factory=list)
    liveness: PassiveStatus | None = Field(None, description="whether the face is a living person's; null: not asked")
    decision: Decision | None = Field(None, description="whether the gallery's rules let this person pass, now, here")
    denial: Denial | None = Field(None, description="why the decision is `denied`")


class ComparisonResult(Message):
    verdict: Verdict = Field(description="match, no_match, no_face, multiple_faces or low_quality")
    reason: str | None = None
    policy: str
    threshold: float
    score: float | None = None
    face_a: FaceView | None = None
    face_b: FaceView | None = None
    faces_a: list[FaceView] = Field(
        default_factory=list,
        description="those in image_a when nobody can tell which one is meant, the largest first; a face's place in "
        "this list, from 0, is what `face_a` takes",
    )
    faces_b: list[FaceView] = Field(default_factory=list, description="the same of image_b")
    warnings: list[FaceWarning] = Field(default_factory=list)


class Candidate(Message):
    person: str
    name: str | None = Field(None, description="the person's, as it is now")
    external_id: str | None = Field(None, description="the person's, as it is now")
    score: float | None = None


class RecognisedFace(Message):
    verdict: Verdict = Field(
        description="recognised, not_recognised, ambiguous, low_quality, spoof_suspected or liveness_unavailable"
    )
    reason: str | None = None
    box: FaceBox
    quality: Quality
    person: str | None = None
    name: str | None = Field(None, description="the person's, as it is now")
    external_id: str | None = Field(None, description="the person's, as it is now")
    matched_face: str | None = Field(
        None, description="id of the person's most similar face; only for keys with the scope scores:read"
    )
    liveness: PassiveStatus | None = Field(None, description="whether the face is a living person's; null: not asked")
    score: float | None = None
    candidates: list[Candidate] = Field(default_factory=list, description="only for keys with the scope scores:read")
    decision: Decision | None = Field(None, description="whether the gallery's rules let this person pass, now, here")
    denial: Denial | None = Field(None, description="why the decision is `denied`")


class RecognisedFrame(Message):
    """One of several frames by itself; a frame that was not searched because of another has the verdict of all."""

    verdict: Verdict
    reason: str | None = None
    box: FaceBox | None = None
    quality: Quality | None = None
    person: str | None = None
    liveness: PassiveStatus | None = None
    score: float | None = Field(None, description="only for keys with the scope scores:read")


class RecognitionResult(Message):
    verdict: Verdict = Field(description="that of the largest face, or no_face; of several frames, that of all")
    person: str | None = Field(None, description="who the largest face is, when recognised")
    name: str | None = Field(None, description="the person's, as it is now")
    external_id: str | None = Field(None, description="the person's, as it is now")
    policy: str
    threshold: float
    calibration: str | None = Field(None, description="id of the gallery's calibration that set the threshold")
    persons: int = Field(description="K, the number of people searched; the threshold follows it")
    faces: list[RecognisedFace] = Field(
        description="at most `max_faces`, the largest first; of several frames the one person's, as the best shows it"
    )
    faces_found: int | None = Field(
        None, description="how many faces the photo has, also those beyond `max_faces`; null with several frames"
    )
    frames: list[RecognisedFrame] = Field(
        default_factory=list, description="what each of several frames says by itself, in their order"
    )
    decision: Decision | None = Field(None, description="that of the largest face")
    denial: Denial | None = Field(None, description="why the decision is `denied`")
    reason: str | None = Field(None, description="the same in words")


class Landmarks(Message):
    """(x, y) in pixels of the upright image; right and left are the person's own."""

    right_eye: tuple[float, float]
    left_eye: tuple[float, float]
    nose: tuple[float, float]
    mouth_right: tuple[float, float]
    mouth_left: tuple[float, float]


class DetectedFace(Message):
    box: FaceBox
    landmarks: Landmarks
    quality: Quality
    advice: str | None = Field(None, description="what to do about the issues; null when there are none")
    confidence: float = Field(description="of the detector, that this is a face at all")
    yaw: float = Field(description="degrees, positive when the nose points to the right of the image")
    pitch: float = Field(description="degrees, positive when it points down")
    roll: float = Field(description="degrees, positive when the head leans clockwise in the image")


class DetectionResult(Message):
    width: int = Field(description="of the upright image, px")
    height: int
    faces: list[DetectedFace] = Field(description="at most `max_faces`, the largest first")
    faces_found: int | None = Field(None, description="how many there are, also those beyond `max_faces`")


class FileProblem(Message):
    file: str
    reason: str


class EvaluationResult(Message):
    """The report's main figures; the whole report is at the job's links."""

    model: Model
    persons: int
    photos: int
    accuracy: float | None = Field(None, description="mean of 10 identity-disjoint folds")
    accuracy_deviation: float | None = None
    summary: str = Field(description="the main figures in a sentence or two")
    unusable: list[FileProblem] = Field(default_factory=list, description="files without a usable face, and why")


class TrainingResult(Message):
    """The report's main figures, of people whom the training has not seen; the whole report is at the job's links."""

    model: Model | None = Field(None, description="the new model, registered; null when the original was better")
    summary: str
    accuracy_before: float
    accuracy_after: float
    persons: int = Field(description="trained on")
    photos: int
    unusable: list[FileProblem] = Field(default_factory=list, description="files without a usable face, and why")
    too_few: list[str] = Field(
        default_factory=list, description="people with less than two usable photos, who were left out"
    )


class RegistrationResult(Message):
    model: Model
    description: str


class LineProblem(Message):
    line: int = Field(description="of the archive, from 1")
    reason: str


class ImportResult(Message):
    """What an import did; `problems` has the first of the lines that were left out."""

    persons: int = Field(description="created or replaced")
    kept: int = Field(description="were there already and stayed as they are")
    erased: int = Field(description="were left out because they were erased")
    expired: int = Field(description="were left out because they were to be kept no longer")
    templates: int = Field(description="stored, also those that were there already")
    surplus: int = Field(description="the weakest faces of people who had more than the gallery keeps; removed again")
    invalid: int = Field(description="lines that were left out")
    problems: list[LineProblem] = Field(default_factory=list)


class CalibrationResult(Message):
    calibration: Calibration
    unusable: list[FileProblem] = Field(default_factory=list, description="files without a usable face, and why")


class PassiveResult(Message):
    """What one photo says by itself; `unavailable` where the networks' weights are not installed."""

    status: PassiveStatus
    score: float | None = Field(None, description="in [0, 1], 1 is live; only for keys with the scope scores:read")
    policy: str | None = Field(None, description="the threshold profile that was applied")
    threshold: float | None = None


class PerformedAction(Message):
    action: str
    frame: int = Field(description="number of the frame, from 0, at which it was complete")


class LivenessCheckResult(Message):
    verdict: Verdict = Field(description="live, spoof_suspected, no_face or multiple_faces")
    failure: str | None = Field(None, description="why not: jump, wrong_action, missing_action, ...")
    reason: str | None = Field(None, description="the same in words, and what to do")
    frame: int | None = Field(None, description="number of the frame, from 0, where it shows")
    session: str
    actions: list[PerformedAction] = Field(description="what was seen, in order")
    passive: PassiveResult


class StylizedImage(Message):
    url: str
    media_type: str
    width: int
    height: int
    bytes: int
    sha256: str


class StyleCosts(Message):
    content: float
    style: float
    total: float
    style_at_start: float


class UsedStyle(Message):
    style_id: str | None = Field(None, description="of the library; null for a picture that was sent")
    weight: float


class StylizationResult(Message):
    image: StylizedImage
    mode: StyleMode
    style_id: str | None = Field(None, description="of the only style; `styles` has them all")
    styles: list[UsedStyle] = Field(default_factory=list, description="in the order of the request")
    strength: float = 1.0
    colours: Colours = Colours.STYLE
    tiled: bool = Field(False, description="also true when the device's memory made it necessary")
    fine: FineOptions | None = Field(None, description="of the optimisation, with all that was not asked for")
    costs: StyleCosts | None = Field(None, description="of the optimisation; null in fast mode")
    memory_bytes: int | None = Field(None, description="that were reckoned with; the estimate of the same size")
    seconds: float


class VisualisationResult(Message):
    layer: str | None
    units: list[int] = Field(description="shown on the sheet, in its order; empty for reconstructions")
    pictures: int = Field(description="of the archive that were used")
    problems: list[FileProblem]
    seconds: float


Result = (
    EnrolmentResult
    | VerificationResult
    | ComparisonResult
    | RecognitionResult
    | DetectionResult
    | EvaluationResult
    | CalibrationResult
    | TrainingResult
    | RegistrationResult
    | LivenessCheckResult
    | ImportResult
    | StylizationResult
    | VisualisationResult
)
