"""Faces in a photo: where they are, how good they are, and which one is meant."""

from pydantic import Field

from shared.schemas.base import Message


class FaceBox(Message):
    """Pixels of the upright image: left, top, width, height."""

    x: float
    y: float
    width: float
    height: float


class Quality(Message):
    score: float = Field(ge=0, le=1)
    issues: list[str] = Field(
        default_factory=list, description="too_small, blurred, extreme_pose, too_dark, occluded, ..."
    )


class FaceView(Message):
    box: FaceBox
    quality: Quality


class FaceChoice(Message):
    """Which face of a photo is meant: its number, of the faces the largest first, or a place that it overlaps."""

    face: int | None = None
    box: FaceBox | None = None
