"""The photo that a request is about, or several frames of it, and which of its faces is meant: fields of requests."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from gateway.web.bodies import Body, ImageFile, ImageFiles, OptionalImageFile
from shared.errors import InvalidField
from shared.schemas import FaceBox, FaceChoice

MAX_FRAMES = 5
MAX_FACES = 100
_NUMBER = r"\d{1,6}(\.\d{1,6})?"

FaceNumber = Annotated[
    int | None,
    Field(ge=0, le=999, description="which face of the photo is meant, from 0, the largest first; left out: the one"),
]
BoxText = Annotated[
    str | None,
    Field(
        pattern=rf"^-?{_NUMBER},-?{_NUMBER},{_NUMBER},{_NUMBER}$",
        description="a place in the upright photo as x,y,width,height in pixels, such as 120,80,200,240: the face "
        "that overlaps it most is meant",
    ),
]
MaxFaces = Annotated[
    int, Field(ge=1, le=MAX_FACES, description="most faces that are looked at and answered, the largest ones")
]


class OnePhoto(Body):
    image: ImageFile
    face: FaceNumber = None
    box: BoxText = None

    @model_validator(mode="after")
    def _means_one_face(self) -> Self:
        _check_choice(self.face, self.box)
        return self

    @property
    def choice(self) -> FaceChoice | None:
        return face_choice(self.face, self.box)


class PhotoOrFrames(Body):
    image: OptionalImageFile = Field(None, description="one photo; or else `images`")
    images: ImageFiles = Field(
        (),
        max_length=MAX_FRAMES,
        description=f"a list of 1 to {MAX_FRAMES} pictures of one person: one decision is made from all of them",
    )

    @model_validator(mode="after")
    def _is_one_or_several(self) -> Self:
        if self.image is None and not self.images:
            raise InvalidField(f"`image` is missing: send one photo, or up to {MAX_FRAMES} of one person as `images`.")
        if self.image is not None and self.images:
            raise InvalidField("Send one photo as `image`, or several of one person as `images`, not both.")
        return self

    @property
    def pictures(self) -> dict[str, bytes]:
        """By the names of their files, which are in their order."""
        if self.image is not None:
            return {"image": self.image}
        return {f"images-{number}": data for number, data in enumerate(self.images)}


def face_choice(face: int | None, box: str | None, *, suffix: str = "") -> FaceChoice | None:
    """Which face is meant; None when the request does not say.

    Raises:
        InvalidField: it says two things, or a place without an extent.
    """
    _check_choice(face, box, suffix=suffix)
    if face is None and box is None:
        return None
    return FaceChoice(face=face, box=None if box is None else _box(box))


def _check_choice(face: int | None, box: str | None, *, suffix: str = "") -> None:
    if face is not None and box is not None:
        raise InvalidField(f"Send `face{suffix}` or `box{suffix}`, not both: each says which face is meant.")
    if box is not None and not (_box(box).width > 0 and _box(box).height > 0):
        raise InvalidField(f"`box{suffix}` has no extent: its width and height must be more than 0 pixels.")


def _box(text: str) -> FaceBox:
    x, y, width, height = map(float, text.split(","))
    return FaceBox(x=x, y=y, width=width, height=height)
