"""Whose photo it is, and whether several frames keep the promise of one: on LFW, named after the middle face."""

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from shared.ml.face.catalogue import DEFAULT_MODEL
from shared.ml.face.detector import DetectedFace, FaceDetector, Image
from shared.ml.face.embedder import FaceEmbedder
from shared.ml.face.evaluation.intervals import wilson
from shared.ml.face.refinement import refine
from shared.ml.face.subjects import NoSubject, PhotoSubject, subject_of
from shared.ml.weights import YUNET, fetch
from workers.faces.frames import SAME_PERSON_FMR

COUNTS = (1, 2, 3, 5)  # of frames
DRAWS = 4  # sets of frames of each person, for each count
RATES = (1e-3, 1e-4, 1e-5)
BATCH = 32

Embeddings = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Looked:
    """A photo: who it is of, what is found in it, the rule's answer, and its middle face embedded."""

    person: str
    faces: Sequence[DetectedFace]
    middle: DetectedFace
    found: PhotoSubject | NoSubject
    crop: Image


def section(data: Path) -> str:
    """Markdown tables over every photo of `data` (`<person>/<photo>.jpg`)."""
    detector, embedder = FaceDetector(fetch(YUNET)), FaceEmbedder.from_weights(torch.device("cpu"))
    looked = list(_look(data, detector, embedder))
    crops = [one.crop for one in looked]
    batches = [crops[start : start + BATCH] for start in range(0, len(crops), BATCH)]
    embedded = np.concatenate([embedder.embed([(crop,) for crop in batch]) for batch in batches])
    return "\n\n".join(("## Several faces, several frames", _subjects(looked), _frames(looked, embedded))) + "\n"


def _look(data: Path, detector: FaceDetector, embedder: FaceEmbedder) -> Iterator[Looked]:
    for path in sorted(data.glob("*/*.jpg")):
        image = np.ascontiguousarray(np.asarray(cv2.imread(str(path)), np.uint8)[..., ::-1])
        faces = detector.detect(image)
        if not faces:
            continue
        middle = min(faces, key=lambda face: float(np.linalg.norm(face.landmarks.mean(axis=0) - _middle(image))))
        landmarks = refine(detector.look, image, middle).landmarks
        found = subject_of(image, faces)
        yield Looked(path.parent.name, faces, middle, found, embedder.align(image, landmarks)[0])


def _middle(image: Image) -> npt.NDArray[np.float64]:
    return np.array(image.shape[1::-1]) / 2


def _subjects(looked: Sequence[Looked]) -> str:
    several = [one for one in looked if len(one.faces) > 1]
    refused = [one for one in looked if isinstance(one.found, NoSubject)]
    taken = [(one, one.found) for one in looked if isinstance(one.found, PhotoSubject)]
    wrong = [one for one, found in taken if found.face is not one.middle]
    warned = [one for one, found in taken if found.others]
    rows = [
        ("with several faces", several),
        ("refused: `multiple_faces`", refused),
        ("another face than the middle one is taken", wrong),
        ("taken with a warning: `other_faces`", warned),
    ]
    lines = [f"| {name} | {len(found)} | {len(found) / len(looked):.2%} |" for name, found in rows]
    return (
        f"### Whose photo it is\n\n{len(looked)} photos, each of the person in its middle, by the rule of "
        "shared/faces/subject.py.\n\n| photos | number | part |\n|---|---:|---:|\n" + "\n".join(lines)
    )


def _frames(looked: Sequence[Looked], embedded: Embeddings) -> str:
    """False and true matches of probes of several photos with every photo that is not among them."""
    people = np.array([one.person for one in looked])
    thresholds = [DEFAULT_MODEL.curve.threshold(rate) for rate in RATES]
    least = DEFAULT_MODEL.curve.threshold(SAME_PERSON_FMR)
    rows = []
    for count in COUNTS:
        sets = list(_sets(people, count))
        kept = [frames for frames in sets if _agree(embedded[list(frames)], least)]
        strangers, genuine = _scores(people, embedded, kept)
        false = " | ".join(_rate(strangers, threshold) for threshold in thresholds)
        true = (genuine >= thresholds[1]).mean()
        apart = 1 - len(kept) / len(sets)
        rows.append(f"| {count} | {len(kept):,} | {apart:.1%} | {false} | {true:.2%} |")
    return (
        "### Several frames\n\nProbes of so many photos of one person, of different days and so less alike than frames "
        "of one camera, compared with each other photo. Apart: sets of which two photos are less alike than "
        f"{least:.3f}, which are refused. Less alike frames give a lower score: their mean is not made a unit vector "
        "again. FMR at the thresholds of 1e-3, 1e-4 and 1e-5, in brackets the 95 % interval as if pairs were "
        "independent; TMR at that of 1e-4.\n\n"
        "| frames | probes | apart | FMR, 1e-3 | FMR, 1e-4 | FMR, 1e-5 | TMR |\n"
        "|---:|---:|---:|---:|---:|---:|---:|\n" + "\n".join(rows) + "\n\n" + _mixed(people, embedded, least)
    )


def _sets(people: npt.NDArray[np.str_], count: int) -> Iterator[tuple[int, ...]]:
    """Photos of one person; every photo for itself, and some sets of each person who has enough."""
    draw = random.Random(count)
    for person in np.unique(people):
        own = np.flatnonzero(people == person).tolist()
        if count == 1:
            yield from ((photo,) for photo in own)
        elif len(own) >= count:
            every = list(itertools.combinations(own, count))
            yield from draw.sample(every, min(DRAWS, len(every)))


def _agree(frames: Embeddings, least: float) -> bool:
    return bool((frames @ frames.T).min() >= least)


def _scores(
    people: npt.NDArray[np.str_], embedded: Embeddings, sets: Sequence[tuple[int, ...]]
) -> tuple[Embeddings, Embeddings]:
    strangers, genuine = [], []
    for frames in sets:
        scores = embedded @ embedded[list(frames)].mean(axis=0)
        same = people == people[frames[0]]
        strangers.append(scores[~same])
        same[list(frames)] = False
        genuine.append(scores[same])
    return np.concatenate(strangers), np.concatenate(genuine)


def _mixed(people: npt.NDArray[np.str_], embedded: Embeddings, least: float) -> str:
    """What an attacker gains who mixes photos of the person who is claimed with his own."""
    draw = random.Random(0)
    threshold = DEFAULT_MODEL.curve.threshold(1e-4)
    own_of = {person: np.flatnonzero(people == person).tolist() for person in np.unique(people)}
    victims = [photos for photos in own_of.values() if len(photos) > 1]
    tried = passed = matched = 0
    for photos in victims:
        template, stolen = draw.sample(photos, 2)
        other = draw.choice([one for one in range(len(people)) if people[one] != people[template]])
        frames = embedded[[stolen, other]]
        tried += 1
        matched += float(frames.mean(axis=0) @ embedded[template]) >= threshold
        passed += _agree(frames, least)
    return (
        f"A photo of the person who is claimed beside one of somebody else, as two frames: {matched} of {tried} would "
        f"still reach the threshold, {passed} are taken for frames of one person."
    )


def _rate(scores: Embeddings, threshold: float) -> str:
    rate = wilson(int((scores >= threshold).sum()), len(scores))
    return f"{rate.errors / rate.trials:.1e} [{rate.low:.0e}, {rate.high:.0e}]"
