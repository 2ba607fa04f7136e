"""How far a photo may be disturbed before its face is lost: found at all, and still like its undisturbed self."""

import io
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from shared.ml.face.detector import DetectedFace, FaceDetector, Image
from shared.ml.face.embedder import FaceEmbedder
from shared.ml.face.refinement import refine
from shared.ml.weights import YUNET, fetch

PHOTOS = 100
CHART = Path(__file__).parents[2] / "docs" / "images" / "detection.png"
_BORDER = 100  # pixels of mirrored background around a photo that is turned, so that no black corner shows
_NEAR = 0.4  # of the face's size: how far from its place a face may be found

Point = npt.NDArray[np.float64]  # (2,): x, y in pixels
Disturbed = tuple[Image, Point, float]  # the picture, where its face is, and that face's size in pixels
Disturb = Callable[["Photo", float], Disturbed]


@dataclass(frozen=True, eq=False)
class Photo:
    image: Image
    face: DetectedFace
    embedding: npt.NDArray[np.float32]  # of the undisturbed photo


@dataclass(frozen=True)
class Curve:
    title: str
    unit: str
    values: Sequence[float]
    disturb: Disturb


@dataclass(frozen=True)
class Measured:
    """At one strength: the part found, and the median and 5 % quantile of the cosines of those found."""

    value: float
    found: float
    median: float = np.nan
    low: float = np.nan


def section(data: Path) -> str:
    """Markdown tables, measured on photos drawn with a fixed seed from `data` (`<person>/<photo>.jpg`)."""
    detector, embedder = FaceDetector(fetch(YUNET)), FaceEmbedder.from_weights(torch.device("cpu"))
    photos = _photos(data, detector, embedder)
    parts = [
        "## Detection under disturbance",
        f"{len(photos)} photos of LFW's development part, one face each. Found: the face is where it was. Cosine: "
        "of its embedding to that of the undisturbed photo, for those found; 0.36 is about where a match ends.",
    ]
    measured = {curve.title: _measure(curve, photos, detector=detector, embedder=embedder) for curve in CURVES}
    CHART.write_bytes(_chart(measured))
    parts.append(f"![Part of the faces found, and their likeness to themselves](images/{CHART.name})")
    parts += [_table(curve, measured[curve.title]) for curve in CURVES]
    parts.append(_faceless(photos, detector))
    return "\n\n".join(parts) + "\n"


def _photos(data: Path, detector: FaceDetector, embedder: FaceEmbedder) -> list[Photo]:
    paths = random.Random(0).sample(sorted(data.glob("*/*.jpg")), PHOTOS)
    photos = []
    for path in paths:
        image = np.asarray(cv2.imread(str(path)), dtype=np.uint8)[..., ::-1].copy()
        middle = np.array(image.shape[1::-1]) / 2
        face = min(detector.detect(image), key=lambda f: float(np.linalg.norm(f.landmarks.mean(axis=0) - middle)))
        face = refine(detector.look, image, face)
        photos.append(Photo(image, face, embedder.embed([embedder.align(image, face.landmarks)])[0]))
    return photos


def _measure(
    curve: Curve, photos: Sequence[Photo], *, detector: FaceDetector, embedder: FaceEmbedder
) -> list[Measured]:
    points = []
    for value in curve.values:
        cosines = []
        for photo in photos:
            image, middle, size = curve.disturb(photo, value)
            face = _at(detector.detect(image), middle, size)
            if face is not None:
                landmarks = refine(detector.look, image, face).landmarks
                cosines.append(float(embedder.embed([embedder.align(image, landmarks)])[0] @ photo.embedding))
        quantiles = np.quantile(cosines, [0.5, 0.05]) if cosines else ()
        points.append(Measured(value, len(cosines) / len(photos), *map(float, quantiles)))
    return points


def _table(curve: Curve, points: Sequence[Measured]) -> str:
    rows = [f"| {curve.unit} | found | cosine, median | cosine, 5 % below |", "|---:|---:|---:|---:|"]
    for point in points:
        cosines = (f"{cosine:.2f}" if np.isfinite(cosine) else "–" for cosine in (point.median, point.low))
        rows.append(f"| {point.value:g} | {point.found:.1%} | {' | '.join(cosines)} |")
    return f"### {curve.title}\n\n" + "\n".join(rows)


def _chart(measured: Mapping[str, Sequence[Measured]]) -> bytes:
    """A PNG with a panel for each curve."""
    figure = Figure(figsize=(10, 5.4), layout="constrained", dpi=100)
    FigureCanvasAgg(figure)
    for axes, curve in zip(figure.subplots(2, 3, sharey=True).flat, CURVES, strict=True):
        points = measured[curve.title]
        places = range(len(points))
        axes.plot(places, [point.found for point in points], color="#1f6fb4", marker="o", label="found")
        axes.plot(places, [point.median for point in points], color="#d9622b", label="cosine, median")
        axes.plot(places, [point.low for point in points], color="#d9622b", linestyle=":", label="cosine, 5 % below")
        axes.set_title(curve.title, loc="left", fontweight="bold")
        axes.set_xlabel(curve.unit, fontsize=8)
        axes.set_xticks(places, [f"{point.value:g}" for point in points], fontsize=7)
        axes.set_ylim(-0.1, 1.05)
        axes.grid(alpha=0.3)
    figure.axes[0].legend(fontsize=7, loc="lower right")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _at(faces: Iterable[DetectedFace], middle: Point, size: float) -> DetectedFace | None:
    near = [face for face in faces if np.linalg.norm(face.landmarks.mean(axis=0) - middle) < _NEAR * size]
    return min(near, key=lambda face: float(np.linalg.norm(face.landmarks.mean(axis=0) - middle)), default=None)


def _faceless(photos: Sequence[Photo], detector: FaceDetector) -> str:
    """What is found where no face is: the same photos with their faces painted over from the surroundings."""
    false = 0
    for photo in photos:
        hidden = np.zeros(photo.image.shape[:2], np.uint8)
        for face in detector.detect(photo.image, thorough=True):
            centre = (round(face.centre[0]), round(face.centre[1]))
            axes = (round(0.75 * face.size), round(0.9 * face.size))
            cv2.ellipse(hidden, centre, axes, 0, 0, 360, 255, -1)
        painted = np.asarray(cv2.inpaint(photo.image, hidden, 5, cv2.INPAINT_TELEA), np.uint8)
        false += bool(detector.detect(painted))
    seen = f"{false} of {len(photos)} photos still show one to the detector"
    return f"### False faces\n\nWith the faces painted over from their surroundings, {seen}."


def _same_place(photo: Photo, image: npt.NDArray[np.uint8]) -> Disturbed:
    return image, photo.face.landmarks.mean(axis=0).astype(np.float64), photo.face.size


def _sized(photo: Photo, pixels: float) -> Disturbed:
    factor = pixels / photo.face.size
    kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    small = np.asarray(cv2.resize(photo.image, None, fx=factor, fy=factor, interpolation=kind), np.uint8)
    return small, photo.face.landmarks.mean(axis=0) * factor, pixels


def _turned(photo: Photo, degrees: float) -> Disturbed:
    height, width = photo.image.shape[:2]
    large = cv2.copyMakeBorder(photo.image, _BORDER, _BORDER, _BORDER, _BORDER, cv2.BORDER_REFLECT)
    middle = (width / 2 + _BORDER, height / 2 + _BORDER)
    turn = cv2.getRotationMatrix2D(middle, -degrees, 1)
    image = np.asarray(cv2.warpAffine(large, turn, (width + 2 * _BORDER, height + 2 * _BORDER)), np.uint8)
    inner = image[_BORDER // 2 : -_BORDER // 2, _BORDER // 2 : -_BORDER // 2]
    place = turn[:, :2] @ (photo.face.landmarks.mean(axis=0) + _BORDER) + turn[:, 2] - _BORDER / 2
    return np.ascontiguousarray(inner), place, photo.face.size


def _blurred(photo: Photo, sigma: float) -> Disturbed:
    eyes = float(np.linalg.norm(photo.face.landmarks[1] - photo.face.landmarks[0]))
    return _same_place(photo, np.asarray(cv2.GaussianBlur(photo.image, (0, 0), sigma * eyes), np.uint8))


def _compressed(photo: Photo, quality: float) -> Disturbed:
    data = cv2.imencode(".jpg", photo.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1]
    return _same_place(photo, np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1].copy())


def _cropped(photo: Photo, part: float) -> Disturbed:
    """The middle of the box, `part` times its sides, at 640 pixels: below 1 the face overflows the frame."""
    x, y, width, height = photo.face.box
    left, top = max(0, round(x + width * (1 - part) / 2)), max(0, round(y + height * (1 - part) / 2))
    crop = photo.image[top : round(top + height * part), left : round(left + width * part)]
    factor = 640 / max(crop.shape)
    image = np.asarray(cv2.resize(crop, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC), np.uint8)
    return image, (photo.face.landmarks.mean(axis=0) - (left, top)) * factor, photo.face.size * factor


def _darkened(photo: Photo, part: float) -> Disturbed:
    noise = np.random.default_rng(0).normal(0, 2, photo.image.shape)
    return _same_place(photo, (photo.image * part + noise).clip(0, 255).astype(np.uint8))


CURVES = (
    Curve("Size", "pixels, longer side of the face", (8, 12, 16, 20, 24, 32, 48, 64, 112), _sized),
    Curve("Turned in the image's plane", "degrees", tuple(range(0, 181, 15)), _turned),
    Curve("Blur", "sigma, in eye distances", (0.03, 0.06, 0.09, 0.125, 0.18, 0.25), _blurred),
    Curve("JPEG", "quality", (95, 60, 40, 25, 15, 10, 5), _compressed),
    Curve("Close-up", "side of the picture, in sides of the face's box", (1.2, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5), _cropped),
    Curve("Darkness", "part of the light, camera noise of 2 grey levels", (0.5, 0.3, 0.2, 0.12, 0.08, 0.05), _darkened),
)
