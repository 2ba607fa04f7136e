"""A face brought to the position its embedding network was trained with.

The similarity transform (rotation, one scale, translation) that maps five landmarks onto the ArcFace template
(Deng et al., arXiv:1801.07698) with the least squared error, in closed form: Umeyama, "Least-squares
estimation of transformation parameters between two point patterns", IEEE TPAMI 1991, doi:10.1109/34.88573. In
the plane the same minimum falls out of one complex division, which cannot produce a reflection either: z' = a
z + b,  a = Σ conj(z_k - z̄)(t_k - t̄) / Σ |z_k - z̄|²,  b = t̄ - a z̄.
"""

import numpy as np
import numpy.typing as npt

from shared.ml.face.geometry import Image, Landmarks, warp

CROP_SIZE = 112  # pixels, both ways

# x, y of: right eye (left in the image), left eye, nose tip, right and left corner of the mouth
TEMPLATE: Landmarks = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]],
    dtype=np.float32,
)


def similarity(landmarks: Landmarks, template: Landmarks = TEMPLATE) -> npt.NDArray[np.float64]:
    """The (2, 3) matrix M with M · (x, y, 1) ≈ template for (K, 2) points, least squares."""
    points, target = _complex(landmarks), _complex(template)
    centred = points - points.mean()
    spread = np.sum(np.abs(centred) ** 2)
    if spread == 0:
        raise ValueError("landmarks that all coincide have no direction to align")
    a = np.sum(np.conj(centred) * (target - target.mean())) / spread
    b = target.mean() - a * points.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def align(image: Image, landmarks: Landmarks, *, template: Landmarks = TEMPLATE, size: int = CROP_SIZE) -> Image:
    """(H, W, 3) uint8 and (5, 2) points in it -> (size, size, 3) uint8, bilinear, black beyond the image."""
    return warp(image, similarity(landmarks, template), size)


def _complex(points: Landmarks) -> npt.NDArray[np.complex128]:
    x, y = points.astype(np.float64).T
    return np.asarray(x + 1j * y)
