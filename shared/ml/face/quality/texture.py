"""What noise, compression, print, screens and filters leave on an aligned face: measures that need to know no kind.

A photo of skin is smooth almost everywhere and changes a little nearly everywhere. Whatever spoils a photo by adding
detail breaks the first (noise, halftone, screens), whatever takes tones away breaks the second (blocks, mosaics,
posters, filters that flatten).
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from shared.ml.face.geometry import Image

Luma = npt.NDArray[np.float32]  # (112, 112) in [0, 255]

# The ellipse of the aligned crop that holds the features: hair and background have detail of their own.
_ROWS, _COLUMNS = np.mgrid[0:112, 0:112]
FACE: npt.NDArray[np.bool_] = ((_COLUMNS - 56) / 30) ** 2 + ((_ROWS - 70) / 36) ** 2 <= 1

# Immerkær, "Fast noise variance estimation", CVIU 1996, doi:10.1006/cviu.1996.0060: blind to planes and edges.
_LAPLACIANS = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
_NORMAL = 0.6745  # the median of |x| of a normal distribution, in standard deviations
_FLAT = 2.0  # grey levels between the darkest and the lightest of 3 x 3 pixels
# Rounding to whole grey levels makes any dark photo's Laplacian sparse: so much of its variance does not count.
_ROUNDING = 1.0
_SQUARE = (slice(30, 94), slice(24, 88))  # the largest power of two inside the face
_MOST_REGULAR = 40  # cycles over the square; beyond it a bilinear crop has nothing
_LEAST_REGULAR = 8


@dataclass(frozen=True)
class Texture:
    """Medians and 99 % quantiles are of LFW's 2043 development photos."""

    noise: float  # standard deviation in grey levels, by the median, so edges do not count: 0.7, 1.2
    flatness: float  # part of the face in [0, 1] that does not change, but for pure black and white: 0.003, 0.03
    sparsity: float  # how much more the detail is concentrated on few pixels than the edges are: 0.4, 2.5
    tones: float  # bits: the entropy of the brightness: 6.8; 6.0 is the 1 % quantile
    regularity: float  # the strongest single frequency, in powers of ten above the median of its ring: 1.4, 1.7


def measure(crop: Image) -> Texture:
    """Of an aligned (112, 112, 3) uint8 RGB crop."""
    luma: Luma = np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), np.float32)
    detail = np.asarray(cv2.filter2D(luma, -1, _LAPLACIANS), np.float32)[FACE]
    slopes = np.asarray(np.hypot(*np.gradient(luma)), np.float32)[FACE]
    square = np.ones((3, 3), np.uint8)
    ranges = (cv2.dilate(luma, square) - cv2.erode(luma, square))[FACE]
    return Texture(
        noise=float(np.median(np.abs(detail))) / _NORMAL,
        flatness=float(((ranges <= _FLAT) & _exposed(luma[FACE])).mean()),
        sparsity=_kurtosis(detail, _ROUNDING) / max(_kurtosis(slopes, 0.0), 0.1),
        tones=_entropy(luma[FACE]),
        regularity=_regularity(luma),
    )


def _exposed(luma: Luma) -> npt.NDArray[np.bool_]:
    """What is black lies beyond the edge or in shadow, what is white was overexposed: other measures tell."""
    return (luma > 0) & (luma < 255)


def _kurtosis(values: npt.NDArray[np.float32], ignored: float) -> float:
    """About zero; `ignored` is a variance."""
    squares = values.astype(np.float64) ** 2
    return float((squares**2).mean() / max((squares.mean() + ignored) ** 2, 1e-9))


def _entropy(luma: Luma) -> float:
    parts = np.bincount(luma.astype(np.uint8), minlength=256) / luma.size
    return float(-(parts * np.log2(parts, where=parts > 0, out=np.zeros(256))).sum())


_WINDOW = np.outer(np.hanning(64), np.hanning(64))
_RADII = np.rint(64 * np.hypot(*np.meshgrid(np.fft.fftfreq(64), np.fft.fftfreq(64)))).astype(int).ravel()
_RINGS = [np.flatnonzero(radius == _RADII) for radius in range(_LEAST_REGULAR, _MOST_REGULAR)]


def _regularity(luma: Luma) -> float:
    """Screens, halftone and lines are single frequencies; a face has all of a ring alike."""
    part = luma[_SQUARE]
    power = np.abs(np.fft.fft2((part - cv2.GaussianBlur(part, (0, 0), 3)) * _WINDOW)).ravel() ** 2
    rings = (np.partition(power[places], len(places) // 2) for places in _RINGS)  # a median costs five times as much
    return float(np.log10(1 + max(ring.max() / (ring[len(ring) // 2] + 1e-3) for ring in rings)))
