"""How often attacks pass for live and live faces for attacks, by ISO/IEC 30107-3's measures.

    collection/
        bona_fide/1.jpg
        print/1.jpg         an attack presentation instrument species: whatever its folder is called
        replay/1.png

APCER: the part of one species' attacks that are classified as bona fide, told for each species, since a mean
over them hides the one that works; the largest is what a system is judged by. BPCER: the part of bona fide
presentations that are classified as attacks. Photos that give no answer (no face, several, unreadable) are no
part of either: they are the non-response rates APNRR and BPNRR. Intervals are exact (Clopper-Pearson, 95 %).
"""

from collections.abc import Callable, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from shared import images
from shared.errors import InvalidDataset, InvalidImage
from shared.images import ImageLimits
from shared.ml.face.detector import FaceDetector, Image
from shared.ml.face.evaluation.intervals import clopper_pearson
from shared.ml.face.evaluation.markdown import escape, rate
from shared.ml.face.evaluation.report import Rate
from shared.ml.face.liveness.passive import PassiveLiveness, PassiveProfile
from shared.ml.face.people import FileProblem, Photo, PhotoCollection
from shared.ml.face.subjects import NoSubject, subject_of
from shared.ml.face.verification import Verdict

BONA_FIDE = "bona_fide"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Species(_Value):
    """One kind of presentation: bona fide, or one of attacks. Rates are None where no photo gave an answer."""

    name: str
    photos: int
    error: Rate | None  # APCER of an attack's species, BPCER of bona fide presentations
    non_response: Rate  # APNRR or BPNRR


class LeftOut(_Value):
    file: str
    reason: str


class LivenessReport(_Value):
    """`threshold` is the least score that passes for live."""

    model: str
    digest: str
    policy: str
    threshold: float
    bona_fide: Species
    attacks: tuple[Species, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def worst(self) -> Species | None:
        """The attack that passes most often."""
        answered = [(species.error.value, species) for species in self.attacks if species.error]
        return max(answered, key=lambda pair: pair[0])[1] if answered else None


Score = Callable[[bytes], float | str]  # file -> score in [0, 1], or why there is none


def file_scorer(detector: FaceDetector, network: PassiveLiveness, limits: ImageLimits) -> Score:
    """As the service looks at a photo: at its subject."""

    def score(data: bytes) -> float | str:
        try:
            image: Image = np.asarray(images.decode(data, limits), dtype=np.uint8)
        except InvalidImage as error:
            return str(error)
        found = subject_of(image, detector.detect(image))
        if isinstance(found, NoSubject):
            return "no face" if found.verdict is Verdict.NO_FACE else "several faces that may be meant"
        return network.score(image, found.face.box)

    return score


def evaluate(
    collection: PhotoCollection,
    score: Score,
    profile: PassiveProfile,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> LivenessReport:
    """Score every photo and count.

    Raises:
        InvalidDataset: there is no folder of bona fide presentations, or nothing in it.
    """
    kinds = sorted({photo.person for photo in collection.photos})
    if BONA_FIDE not in kinds:
        raise InvalidDataset(
            f"There are no photos in a folder {BONA_FIDE!r}: put live faces there, and each kind of attack into a "
            f"folder of its own beside it. Folders with photos: {', '.join(kinds) or 'none'}."
        )
    scores: dict[str, list[float]] = {kind: [] for kind in kinds}
    problems = list(collection.problems)
    for number, photo in enumerate(collection.photos, start=1):
        found = _score(photo, score)
        if isinstance(found, str):
            problems.append(FileProblem(photo.name, found))
        else:
            scores[photo.person].append(found)
        if progress:
            progress(number, len(collection.photos))
    counts = {kind: sum(photo.person == kind for photo in collection.photos) for kind in kinds}
    attacks = tuple(
        _species(kind, scores[kind], counts[kind], wrong=lambda value: value >= profile.threshold)
        for kind in kinds
        if kind != BONA_FIDE
    )
    return LivenessReport(
        model=PassiveLiveness.name,
        digest=PassiveLiveness.digest,
        policy=profile.name,
        threshold=profile.threshold,
        bona_fide=_species(
            BONA_FIDE, scores[BONA_FIDE], counts[BONA_FIDE], wrong=lambda value: value < profile.threshold
        ),
        attacks=attacks,
        left_out=tuple(LeftOut(file=problem.file, reason=problem.reason) for problem in problems),
    )


def to_markdown(report: LivenessReport) -> str:
    """The report to read."""
    rows = [f"| {' | '.join((escape(name), *cells))} |" for name, *cells in table(report)]
    rows.insert(1, "|---|---|---|---|")
    left_out = [f"- {escape(one.file)}: {escape(one.reason)}" for one in report.left_out]
    parts = [
        "# Passive liveness",
        f"{report.model} (`{report.digest}`), policy {report.policy}: live from a score of {report.threshold:g} on. "
        "ISO/IEC 30107-3; exact 95 % intervals (Clopper-Pearson).",
        "\n".join(rows),
        escape(conclusion(report)),
        *(["## Files without an answer", "\n".join(left_out)] if left_out else []),
    ]
    return "\n\n".join(parts) + "\n"


def table(report: LivenessReport) -> list[tuple[str, str, str, str]]:
    """A heading and a row for each kind: what, how many photos, its error rate, its non-response rate."""
    kinds = [("BPCER", "BPNRR", report.bona_fide), *(("APCER", "APNRR", one) for one in report.attacks)]
    rows = [
        (one.name, f"{one.photos:,}", f"{error} {rate(one.error)}", f"{silent} {rate(one.non_response)}")
        for error, silent, one in kinds
    ]
    return [("presentations", "photos", "classified wrongly", "no answer"), *rows]


def conclusion(report: LivenessReport) -> str:
    """The largest APCER, in a sentence."""
    if report.worst is None:
        return "No attack gave an answer: nothing is said about attacks."
    return f"The attack that passes most often is {report.worst.name}: APCER {rate(report.worst.error)}."


def _score(photo: Photo, score: Score) -> float | str:
    try:
        return score(photo.read())
    except (InvalidImage, OSError) as error:
        return str(error)


def _species(name: str, scores: Sequence[float], photos: int, *, wrong: Callable[[float], bool]) -> Species:
    error = clopper_pearson(sum(map(wrong, scores)), len(scores)) if scores else None
    return Species(name=name, photos=photos, error=error, non_response=clopper_pearson(photos - len(scores), photos))
