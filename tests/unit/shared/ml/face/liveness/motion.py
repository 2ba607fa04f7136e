"""Rendered movement, since no recordings of people turning their heads are at hand.

Two levels: the five landmarks of the average head, projected; and a portrait whose pixels are moved as a
head of that shape would move them, for the detector to find.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from shared.ml.face.detector import DetectedFace, Image
from shared.ml.face.liveness.actions import Action, Challenge
from shared.ml.face.liveness.challenge import Observation
from shared.ml.face.quality import HEAD

Matrix = npt.NDArray[np.float64]
ME = np.eye(1, 8, dtype=np.float32)[0]
YOU = np.eye(1, 8, 1, dtype=np.float32)[0]

STEP_FRAMES = 5  # from the front to the end of a movement, and as many back


@dataclass(frozen=True)
class Pose:
    """Degrees, and how many times nearer than at first."""

    yaw: float = 0.0
    pitch: float = 0.0
    zoom: float = 1.0


ENDS = {
    Action.TURN_LEFT: Pose(yaw=45),
    Action.TURN_RIGHT: Pose(yaw=-45),
    Action.LOOK_UP: Pose(pitch=-40),
    Action.COME_CLOSER: Pose(zoom=1.5),
}


def path(challenge: Challenge) -> list[Pose]:
    """From the front into each movement and back, five frames each way."""
    poses = [Pose()] * 3
    for action in challenge.actions:
        end = ENDS[action]
        parts = [*np.linspace(0, 1, STEP_FRAMES + 1)[1:], *np.linspace(1, 0, STEP_FRAMES + 1)[1:]]
        poses += [Pose(end.yaw * t, end.pitch * t, 1 + (end.zoom - 1) * t) for t in parts]
    return poses


def rotation(yaw: float, pitch: float) -> Matrix:
    y, p = np.radians([yaw, pitch])
    turn = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    nod = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    both: Matrix = turn @ nod
    return both


def observe(poses: Sequence[Pose], *, noise: float = 0.0, flat: bool = False) -> list[Observation]:
    """The average head (or its picture, flat) in these poses; `noise` in eye distances, of the landmarks."""
    random = np.random.default_rng(0)
    head = HEAD * (1, 1, 0) if flat else HEAD
    return [_observe(head, pose, random.normal(0, noise, (5, 2)), index) for index, pose in enumerate(poses)]


def _observe(head: Matrix, pose: Pose, error: Matrix, index: int) -> Observation:
    eyes = 60 * pose.zoom  # pixels between them
    points = (head @ rotation(pose.yaw, pose.pitch).T)[:, :2] + error
    landmarks = (eyes * points + (320, 240)).astype(np.float32)
    box = (320 - eyes, 240 - 0.8 * eyes, 2 * eyes, 2.6 * eyes)
    return Observation(box, landmarks, ME, digest=str(index))


def with_face(frame: Observation, embedding: npt.NDArray[np.float32]) -> Observation:
    return replace(frame, embedding=embedding)


def film(image: Image, face: DetectedFace, poses: Sequence[Pose]) -> Iterator[Image]:
    """A portrait that moves: each pose as (H, W, 3) uint8 RGB, with a camera's noise."""
    random = np.random.default_rng(1)
    for pose in poses:
        moved = turned(image, face, pose)
        yield (moved + random.normal(0, 2, image.shape)).clip(0, 255).astype(np.uint8)


def turned(image: Image, face: DetectedFace, pose: Pose) -> Image:
    """A portrait with its face turned: each pixel moves as its depth has it; far from the face nothing does."""
    height, width = image.shape[:2]
    unit = float(np.linalg.norm(face.landmarks[1] - face.landmarks[0]))
    centre = face.landmarks[:2].mean(axis=0)
    coarse = (width // 4, height // 4)  # the movement is smooth: a quarter of the pixels tell it
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)
    wanted = (cv2.resize(grid, coarse, interpolation=cv2.INTER_AREA) - centre) / unit  # in eye distances
    middle = np.array([0.0, 0.5])
    wanted = (wanted - middle) / pose.zoom + middle
    source = wanted.copy()
    for _ in range(20):  # where does the pixel come from that moves here? by fixed-point iteration
        source += 0.7 * (wanted - source - _displacement(source, pose))
    maps = cv2.resize((source * unit + centre).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    moved = cv2.remap(image, maps[..., 0], maps[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moved, np.uint8)


def slanted(image: Image, pose: Pose) -> Image:
    """A print of the image held so before the camera, in perspective from two and a half of its heights away."""
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    middle, away = np.array([width / 2, height / 2]), 2.5 * height
    held = np.column_stack([corners - middle, np.zeros(4)]) @ rotation(pose.yaw, pose.pitch).T
    seen = held[:, :2] * away / (away / pose.zoom + held[:, 2:]) + middle
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), seen.astype(np.float32))
    return np.asarray(cv2.warpPerspective(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _displacement(points: Matrix, pose: Pose) -> Matrix:
    """(H, W, 2) of how far each point of the head moves, in eye distances."""
    x, y = points[..., 0], points[..., 1] - 0.5
    # a dome with a nose on it, level with HEAD at the eyes, and nothing of it two eye distances away
    dome = 0.9 * np.exp(-(x**2 / 1.1 + y**2 / 1.6)) - 0.62
    nose = 0.20 * np.exp(-(x**2 / 0.05 + (y - 0.06) ** 2 / 0.08))
    rest = np.exp(-(((x**2 + y**2) / 3.2) ** 3))
    head = np.stack([x, y, dome + nose], axis=-1)
    moved = head @ rotation(pose.yaw, pose.pitch).T
    shift: Matrix = (moved[..., :2] - head[..., :2]) * rest[..., None]
    return shift
