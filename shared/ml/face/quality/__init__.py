"""Whether a photo of a face is good enough to compare."""

from shared.ml.face.quality.quality import (
    HEAD,
    MAX_PITCH,
    MAX_YAW,
    MIN_WIDTH,
    FaceQuality,
    Reason,
    assess,
    head_pose,
    spoilage,
    unreliable,
    with_doubt,
)

__all__ = [
    "HEAD",
    "MAX_PITCH",
    "MAX_YAW",
    "MIN_WIDTH",
    "FaceQuality",
    "Reason",
    "assess",
    "head_pose",
    "spoilage",
    "unreliable",
    "with_doubt",
]
