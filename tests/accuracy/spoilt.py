"""Photos that were spoilt: who is let through, and whether the promises hold for them."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from time import process_time

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image as Image_

from shared.ml.face.detector import FaceDetector, Image
from shared.ml.face.embedder import FaceEmbedder
from shared.ml.face.evaluation.intervals import wilson
from shared.ml.face.quality import FaceQuality, assess, spoilage
from shared.ml.face.quality.reliability import Standing, agrees, smoothed, standing
from shared.ml.face.quality.texture import measure as texture_of
from shared.ml.face.refinement import refine
from shared.ml.face.verification import identification_profile, verification_profile
from shared.ml.weights import YUNET, fetch
from tests.accuracy.faces import read_images as images_of
from tests.benchmarks.timing import table
from tests.spoiling import BENT, CHOSEN_ON, UNSEEN, Spoil, jpeg, noise

ROOT = Path(__file__).parents[2]
CHART = ROOT / "docs" / "images" / "spoilt-photos.png"
PEOPLE = 40  # with two photos each, held out
GROUPS = (("", CHOSEN_ON), ("*", UNSEEN), ("†", BENT))  # with the mark that its kinds have in the table

Vectors = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

TEXT = """## Spoilt photos

Photos that were spoilt alike resemble each other, whoever they show. So a photo is refused when its embedding cannot be
relied on (`noisy`, `compressed`, `pattern`, `blurred`, `unreliable`): by what the network itself sees halfway through,
and in doubt by the agreement with a smoothed copy (shared/ml/face/quality/reliability.py,
[decision 28](decisions/0028-embeddings-that-can-be-relied-on.md)).

{people} people of LFW's development part with two photos each, on whom nothing was fitted: one photo of each is
enrolled, the other is the probe. The check was fitted on the other half of the people and on the first kinds only;
**kinds with a star were looked at afterwards**, and so were those with a dagger, which bend the face and add no detail:
what bends it is not what this check is for. *Before*: let through by every other limit. *Let*: of those, let
through now. *1:1*: different people taken for one at `verify-fmr-1e-4`, of all pairs let through. *1:K*: strangers
recognized in the gallery of the other people at `identify-fpir-1e-2`, of all probes let through. *Alike*: gallery and
probes spoilt in the same way; *one-sided*: only the probes. *Genuine*: clean enrolled, another photo of the same
person, spoilt and let through, matched at `verify-fmr-1e-4`; *itself*: the same photo, clean and spoilt.

{rows}

All rows together, with the upper 95 % bound (Wilson):

{sums}

![How many spoilt photos are let through, and what strangers do with them](images/spoilt-photos.png)

Good photos are not refused for it:

{good}

{costs}
"""


@dataclass(frozen=True, eq=False)
class Looked:
    """The central face of a photo; `before`: it passes every limit but those of this page."""

    crop: Image
    quality: FaceQuality | None
    before: bool


@dataclass(frozen=True, eq=False)
class _Read:
    """Photos of one treatment, in order. `before`: (N,) passes every other limit; `passed`: and is relied on."""

    embeddings: Vectors
    before: Mask
    passed: Mask
    doubted: int


class Reader:
    """The service's models, for photos whose central face is meant."""

    def __init__(self) -> None:
        self.detector = FaceDetector(fetch(YUNET))
        self.embedder = FaceEmbedder.from_weights(torch.device("cpu"))

    def read(self, photos: Sequence[Image]) -> _Read:
        """As the service does, but for which face is meant."""
        looked = [self.look(photo) for photo in photos]
        vectors, doubts = self.embed(looked)
        standings = [
            standing(doubt) if one.quality is not None and one.quality.passed else Standing.UNRELIABLE
            for one, doubt in zip(looked, doubts, strict=True)
        ]
        passed = [
            how is Standing.RELIABLE or (how is Standing.DOUBTED and self._agrees(one, vector))
            for one, vector, how in zip(looked, vectors, standings, strict=True)
        ]
        before = np.array([one.before for one in looked])
        return _Read(vectors, before, np.array(passed), standings.count(Standing.DOUBTED))

    def embed(self, looked: Sequence[Looked]) -> tuple[Vectors, list[float]]:
        """(N, 128) unit vectors, and the doubt in each."""
        raw = self.embedder.forward(self.embedder.prepare([(one.crop,) for one in looked]))
        doubts = self.embedder.doubts(raw)
        if doubts is None:
            raise ValueError("the default model knows doubt")
        return self.embedder.finish(raw), doubts.tolist()

    def _agrees(self, looked: Looked, vector: Vectors) -> bool:
        (copy,) = self.embedder.embed([smoothed((looked.crop,))])
        return agrees(vector, copy)

    def look(self, photo: Image) -> Looked:
        """The face nearest to the middle."""
        middle = np.array(photo.shape[1::-1]) / 2
        faces = self.detector.detect(photo)
        if not faces:
            return Looked(np.zeros((112, 112, 3), np.uint8), None, before=False)
        face = min(faces, key=lambda one: float(np.linalg.norm(one.landmarks.mean(axis=0) - middle)))
        face = refine(self.detector.look, photo, face)
        crop = self.embedder.align(photo, face.landmarks)[0]
        quality = assess(face, crop, frame=(photo.shape[0], photo.shape[1]))
        return Looked(crop, quality, before=set(quality.reasons) <= {spoilage(quality.texture)})


@dataclass(frozen=True)
class _Row:
    """Counts of one kind in one strength: (how many, of how many)."""

    kind: str
    strength: float
    mark: str
    let: tuple[int, int]
    matches_alike: tuple[int, int]
    matches_one_sided: tuple[int, int]
    strangers_alike: tuple[int, int]
    strangers_one_sided: tuple[int, int]
    genuine: tuple[int, int]
    itself: tuple[int, int]

    @property
    def cells(self) -> list[str]:
        return [
            f"{self.kind} {self.strength:g}" + self.mark.replace("*", "\\*"),
            str(self.let[1]),
            str(self.let[0]),
            *(
                f"{count}/{total}"
                for count, total in (
                    self.matches_alike,
                    self.matches_one_sided,
                    self.strangers_alike,
                    self.strangers_one_sided,
                )
            ),
            f"{self.genuine[0]}/{self.genuine[1]}",
            f"{self.itself[0]}/{self.itself[1]}",
        ]


def section(data: Path) -> str:
    """Markdown. Takes about half an hour."""
    reader = Reader()
    photos, count = _photos(data)
    clean = reader.read(photos)
    rows = []
    for mark, kinds in GROUPS:
        for kind, (spoil, strengths) in kinds.items():
            for strength in strengths:
                spoilt = reader.read([_spoilt(photo, spoil, strength, n) for n, photo in enumerate(photos)])
                rows.append(_row(kind, strength, clean, spoilt, mark=mark))
            sys.stderr.write(f"{kind}\n")
    _draw(rows)
    heads = ["", "before", "let", "1:1 alike", "one-sided", "1:K alike", "one-sided", "genuine", "itself"]
    return TEXT.format(
        people=count,
        rows=table(heads, [_row("clean", 0, clean, clean, mark="").cells, *(row.cells for row in rows)]),
        sums=_sums(rows),
        good=_good(data, reader),
        costs=_costs(reader, photos),
    )


def _photos(data: Path) -> tuple[list[Image], int]:
    """Two photos of each person, in turn."""
    held_out = (
        sorted(folder.glob("*.jpg"))[:2]
        for folder in sorted(data.iterdir())
        if int(sha256(folder.name.encode()).hexdigest(), 16) % 2 == 1
    )
    chosen = list(islice((paths for paths in held_out if len(paths) == 2), PEOPLE))
    return list(images_of([path for paths in chosen for path in paths])), len(chosen)


def _spoilt(photo: Image, spoil: Spoil, strength: float, number: int) -> Image:
    return spoil(photo, strength, np.random.default_rng(number))


def _row(kind: str, strength: float, clean: _Read, spoilt: _Read, *, mark: str) -> _Row:
    verify = verification_profile("verify-fmr-1e-4").threshold
    gallery, probes = slice(0, None, 2), slice(1, None, 2)
    probe, let = spoilt.embeddings[probes], spoilt.passed[probes]

    def impostors(enrolled: _Read) -> tuple[tuple[int, int], tuple[int, int]]:
        """Matches of different people, strangers who are recognized: each of how many."""
        scores, there = probe @ enrolled.embeddings[gallery].T, enrolled.passed[gallery]
        pairs = let[:, None] & there[None] & ~np.eye(len(let), dtype=np.bool_)
        search = identification_profile("identify-fpir-1e-2").threshold(max(1, int(there.sum()) - 1))
        best = np.where(pairs, scores, -1).max(axis=1)
        asked = pairs.any(axis=1)
        return (int((scores[pairs] >= verify).sum()), int(pairs.sum())), (int((best >= search).sum()), int(asked.sum()))

    alike, one_sided = impostors(spoilt), impostors(clean)
    own = (probe * clean.embeddings[gallery]).sum(axis=1)
    judged = let & clean.passed[gallery]
    same = (spoilt.embeddings * clean.embeddings).sum(axis=1)
    both = spoilt.passed & clean.passed
    return _Row(
        kind=kind,
        strength=strength,
        mark=mark,
        let=(int(spoilt.passed.sum()), int(spoilt.before.sum())),
        matches_alike=alike[0],
        matches_one_sided=one_sided[0],
        strangers_alike=alike[1],
        strangers_one_sided=one_sided[1],
        genuine=(int((own[judged] >= verify).sum()), int(judged.sum())),
        itself=(int((same[both] >= verify).sum()), int(both.sum())),
    )


def _sums(rows: Sequence[_Row]) -> str:
    promises = {
        "1:1 alike, promised 0.01 %": "matches_alike",
        "1:1 one-sided, promised 0.01 %": "matches_one_sided",
        "1:K alike, promised 1 %": "strangers_alike",
        "1:K one-sided, promised 1 %": "strangers_one_sided",
        "genuine pairs matched": "genuine",
        "photos that match themselves": "itself",
    }
    lines = []
    for name, field in promises.items():
        cells = [name]
        for mark, _ in GROUPS:
            counts = [getattr(row, field) for row in rows if row.mark == mark]
            count, total = (sum(column) for column in zip(*counts, strict=True))
            rate = wilson(count, total)
            cells.append(f"{count}/{total} = {rate.value:.3%} [{rate.low:.3%}, {rate.high:.3%}]")
        lines.append(cells)
    return table(["", "kinds that the check was fitted on", "unseen kinds", "kinds that bend the face"], lines)


def _good(data: Path, reader: Reader) -> str:
    """Clean LFW, and the repository's portraits as phones send them."""
    every = sorted(data.glob("*/*.jpg"))
    read = [reader.read(list(part)) for part in _parts(images_of(every), 50)]
    before, passed, doubted = (
        sum(int(np.sum(value)) for value in column)
        for column in zip(*((one.before, one.passed, one.doubted) for one in read), strict=True)
    )
    lines = [["LFW development photos, as they are", str(before), f"{(before - passed) / before:.2%}"]]
    for side in (640, 1280):
        for quality in (60, 80, 95):
            for sigma in (0, 5, 10):
                sent = [as_a_phone_sends(portrait, side, quality, sigma) for portrait in portraits()]
                result = reader.read(sent)
                refused = int(result.before.sum() - result.passed.sum())
                lines.append(
                    [f"portraits, {side} px, σ {sigma}, JPEG {quality}", str(int(result.before.sum())), str(refused)]
                )
    return table(["", "photos", "refused for it"], lines) + f"\n\n{doubted / before:.1%} of LFW's take a second look."


def portraits() -> list[Image]:
    """The repository's, of one person each."""
    return list(images_of(sorted((ROOT / "tests" / "data" / "faces").glob("[a-fh-z]*.*g"))))


def as_a_phone_sends(photo: Image, side: int, quality: int, sigma: float) -> Image:
    """A smaller copy with so much noise and compression."""
    picture = Image_.fromarray(photo)
    picture.thumbnail((side, side), Image_.Resampling.LANCZOS)
    random = np.random.default_rng(0)
    return jpeg(noise(np.asarray(picture), sigma, random), quality, random)


def _costs(reader: Reader, photos: Sequence[Image]) -> str:
    """Of one clean photo, ms of one thread's own time: the medians of many."""
    measuring, whole, embedding = [], [], []
    torch.set_num_threads(1)
    for photo in photos[:40]:
        begun = process_time()
        looked = reader.look(photo)
        seen = process_time()
        reader.embedder.embed([(looked.crop,)])
        embedded = process_time()
        texture_of(looked.crop)
        measuring.append(process_time() - embedded)
        embedding.append(embedded - seen)
        whole.append(embedded - begun)
    measured, second, all_ = (1000 * float(np.median(times)) for times in (measuring, embedding, whole))
    before = all_ - measured
    share = reader.read(photos).doubted / len(photos)
    return (
        f"Cost of a clean photo of 250 px: {measured:.1f} ms for the measures and, for {share:.0%} of photos, a second "
        f"embedding of {second:.1f} ms, beside {before:.1f} ms: {(all_ + share * second) / before:.3f}× in the mean."
    )


def _draw(rows: Sequence[_Row]) -> None:
    """What is let through, by kind, and strangers recognized among it."""
    kinds = list(dict.fromkeys(row.kind for row in rows))
    figure, axes = plt.subplots(figsize=(9, 0.32 * len(kinds) + 1), layout="constrained")
    for number in range(3):
        of_each = [[row for row in rows if row.kind == kind][number] for kind in kinds]
        shares = [row.let[0] / max(1, row.let[1]) for row in of_each]
        places = np.arange(len(kinds)) + 0.26 * (number - 1)
        axes.barh(places, shares, 0.24, color=plt.get_cmap("viridis")(0.8 - 0.3 * number), label=LABELS[number])
        for place, share, row in zip(places, shares, of_each, strict=True):
            if wrong := row.strangers_alike[0]:
                told = f"{wrong} of {row.strangers_alike[1]} strangers recognized"
                axes.text(share + 0.01, place, told, va="center", fontsize=8)
    axes.set_yticks(range(len(kinds)), [f"{kind} {_mark(rows, kind)}" for kind in kinds])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.4)  # room for what is written beside the bars
    axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    axes.set_xlabel("part of the photos that pass every other limit which is let through")
    axes.legend(title="strength")
    CHART.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(CHART, dpi=100, metadata={"Software": None})
    plt.close(figure)


LABELS = ("weak", "medium", "strong")


def _mark(rows: Sequence[_Row], kind: str) -> str:
    return next(row.mark for row in rows if row.kind == kind)


def _parts(photos: Iterator[Image], size: int) -> Iterator[tuple[Image, ...]]:
    while part := tuple(islice(photos, size)):
        yield part
