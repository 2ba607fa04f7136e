"""Where faces are: points, boxes, and views of an image through which a detector looks at it."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]  # (H, W, 3) RGB
Landmarks = npt.NDArray[np.float32]  # (5, 2): x, y in pixels; order as in alignment.TEMPLATE
Box = tuple[float, float, float, float]  # x, y of the upper left corner, width, height; in pixels
Matrix = npt.NDArray[np.float64]  # (2, 3): M · (x, y, 1) is the point on the other side

# Intersection over union from which two boxes are of one face; the detector's own suppression uses it too
SAME_FACE = 0.3


@dataclass(frozen=True, eq=False)
class DetectedFace:
    """A face in the coordinates of the image that was searched. The box may reach beyond the image's border.

    Landmarks: the person's right eye (at the left of an upright image), left eye, nose tip, right and left
    corner of the mouth, whichever way up the image is.
    """

    box: Box
    landmarks: Landmarks
    score: float  # the detector's confidence in (0, 1] that this is a face at all; says nothing about whose

    @property
    def area(self) -> float:
        """In square pixels."""
        return self.box[2] * self.box[3]

    @property
    def size(self) -> float:
        """The longer side of the box, in pixels."""
        return max(self.box[2:])

    @property
    def centre(self) -> tuple[float, float]:
        """Of the box: x, y in pixels."""
        x, y, width, height = self.box
        return x + width / 2, y + height / 2

    @property
    def roll(self) -> float:
        """Degrees in (-180, 180], positive when the head leans clockwise; from the lines of eyes and mouth."""
        right_eye, left_eye, _, right_mouth, left_mouth = self.landmarks
        x, y = (left_eye - right_eye) + (left_mouth - right_mouth)
        return float(np.degrees(np.arctan2(y, x)))

    def through(self, matrix: Matrix) -> "DetectedFace":
        """The same face on the other side of the transform.

        The box becomes the one around the ellipse that filled it: exact for quarter turns, and for a turn in
        between not as loose as the box around its corners.
        """
        x, y = matrix[:, :2] @ self.centre + matrix[:, 2]
        width, height = np.hypot(matrix[:, 0] * self.box[2], matrix[:, 1] * self.box[3])
        return DetectedFace(
            box=(float(x - width / 2), float(y - height / 2), float(width), float(height)),
            landmarks=(self.landmarks @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32),
            score=self.score,
        )

    def is_same(self, other: "DetectedFace") -> bool:
        """Whether the boxes are of one face."""
        a, b = self.box, other.box
        width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
        height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
        shared = max(0.0, width) * max(0.0, height)
        return shared > SAME_FACE * (self.area + other.area - shared)


@dataclass(frozen=True, eq=False)
class View:
    """Some of an image's pixels, perhaps shrunk, turned or framed, and the (2, 3) way back to it."""

    pixels: Image
    to_image: Matrix

    @property
    def scale(self) -> float:
        """How long a pixel of the image is in this view."""
        return float(1 / np.sqrt(abs(np.linalg.det(self.to_image[:, :2]))))

    @property
    def roll(self) -> float:
        """The roll, in degrees, of a face in the image that stands upright in this view."""
        return float(np.degrees(np.arctan2(self.to_image[1, 0], self.to_image[0, 0])))


def whole(image: Image, long_side: int, *, margin: float = 0.0, quarters: int = 0) -> View:
    """The whole image at this long side in pixels, never enlarged, then turned counter-clockwise.

    `margin` is what is added on all four sides, black, in parts of the long side.
    """
    height, width = image.shape[:2]
    scale = min(1.0, long_side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # averages while it shrinks; done first, so that the remaining steps touch few pixels
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image
    border = round(margin * max(size))
    if border:
        small = cv2.copyMakeBorder(small, border, border, border, border, cv2.BORDER_CONSTANT)
    # Width and height were rounded apart, so each has a factor of its own. A pixel's centre lies half a pixel
    # from its corner on both sides.
    back = np.array([width / size[0], height / size[1]])
    to_image = np.column_stack([np.diag(back), (0.5 - border) * back - 0.5])
    turned = np.ascontiguousarray(np.rot90(small, quarters))
    return View(np.asarray(turned, np.uint8), _after_quarters(to_image, small.shape[:2], quarters))


def close(image: Image, face: DetectedFace, *, roll: float, face_size: int, side: int) -> View:
    """A (side, side) view with this face in its middle, upright if it leans by `roll` degrees.

    The longer side of its box becomes `face_size` pixels; black beyond the image.
    """
    scale = face_size / face.size
    cos, sin = scale * np.cos(np.radians(roll)), scale * np.sin(np.radians(roll))
    turn = np.array([[cos, sin], [-sin, cos]])
    middle = np.full(2, (side - 1) / 2)
    to_view = np.column_stack([turn, middle - turn @ face.centre])
    pixels = warp(image, to_view, side)
    return View(pixels, np.asarray(cv2.invertAffineTransform(to_view), np.float64))


# A region that shrinks by 4 or more is first averaged to twice its final size. Up to there plain bilinear
# interpolation, which the network's accuracy was measured with, is as good: 0.757 against 0.760 mean cosine
# of the sample portraits' genuine pairs.
_AVERAGED_BELOW = 0.5


def warp(image: Image, matrix: Matrix, side: int) -> Image:
    """(H, W, 3) uint8 through a similarity -> (side, side, 3) uint8, bilinear, black beyond the image."""
    shrink = int(_AVERAGED_BELOW / np.hypot(matrix[0, 0], matrix[1, 0]))
    if shrink > 1:
        image, matrix = _averaged(image, matrix, side, shrink)
    return np.asarray(cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR), dtype=np.uint8)


def _averaged(image: Image, matrix: Matrix, side: int, factor: int) -> tuple[Image, Matrix]:
    """The part of the image that is seen, shrunk by about `factor`, and the matrix that fits it.

    Bilinear interpolation reads four pixels for each one it writes, so in a photo of twelve megapixels it
    would skip most of the face and pass its noise on: averaging first is what reads every pixel.
    """
    corners = np.array([[0, side, 0, side], [0, 0, side, side], [1, 1, 1, 1]])
    seen = cv2.invertAffineTransform(matrix) @ corners  # (2, 4): x, y in the image
    size = np.array(image.shape[1::-1])
    left, top = np.clip(np.floor(seen.min(axis=1)), 0, size - 1).astype(int)
    right, bottom = np.clip(np.ceil(seen.max(axis=1)), (left + 1, top + 1), size).astype(int)
    width, height = max(1, (right - left) // factor), max(1, (bottom - top) // factor)
    small = cv2.resize(image[top:bottom, left:right], (width, height), interpolation=cv2.INTER_AREA)
    # from the small part's pixels to the image's: a pixel's centre lies half a pixel from its corner
    back = np.array([(right - left) / width, (bottom - top) / height])
    offset = np.array([left, top]) + 0.5 * back - 0.5
    moved = np.column_stack([matrix[:, :2] * back, matrix[:, :2] @ offset + matrix[:, 2]])
    return np.asarray(small, dtype=np.uint8), moved


def _after_quarters(to_image: Matrix, shape: tuple[int, int], quarters: int) -> Matrix:
    """`to_image` for a view of this (height, width) that was then turned by np.rot90."""
    for _ in range(quarters % 4):
        height, width = shape
        # (x, y) of the turned pixels was (width - 1 - y, x) before
        turn = np.array([[0.0, -1.0, width - 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
        to_image = to_image @ turn
        shape = (width, height)
    return to_image
