"""What the demo does, as data: who is enrolled, what is asked, which answer is right."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Enrolment:
    person: str
    photo: str


@dataclass(frozen=True)
class Verification:
    photo: str
    claimed: str
    expected: str


@dataclass(frozen=True)
class Recognition:
    photo: str
    expected: str
    person: str | None = None


@dataclass(frozen=True)
class Stylization:
    content: str
    style: str
    mode: str
    size: int
    steps: int | None = None


@dataclass(frozen=True)
class Script:
    gallery: str
    enrolments: Sequence[Enrolment]
    verifications: Sequence[Verification]
    recognitions: Sequence[Recognition]
    stylizations: Sequence[Stylization]


DEMO = Script(
    gallery="demo",
    enrolments=(
        Enrolment("barack-obama", "obama-1.jpg"),
        Enrolment("emmanuel-macron", "macron-2025.jpg"),
        Enrolment("jacinda-ardern", "ardern-2022.jpg"),
        Enrolment("grace-hopper", "hopper.jpg"),
    ),
    verifications=(
        Verification("obama-2.jpg", "barack-obama", "match"),
        Verification("obama-3.jpg", "barack-obama", "match"),
        Verification("macron-2014.jpg", "emmanuel-macron", "match"),
        Verification("ardern-2018.jpg", "jacinda-ardern", "match"),
        Verification("biden.jpg", "barack-obama", "no_match"),
        Verification("sunak.jpg", "emmanuel-macron", "no_match"),
        Verification("collins.png", "grace-hopper", "no_match"),
        Verification("obama-2.jpg", "emmanuel-macron", "no_match"),
    ),
    recognitions=(
        Recognition("obama-4.jpg", "recognised", "barack-obama"),
        Recognition("macron-2014.jpg", "recognised", "emmanuel-macron"),
        Recognition("ardern-2018.jpg", "recognised", "jacinda-ardern"),
        Recognition("biden.jpg", "not_recognised"),
        Recognition("sunak.jpg", "not_recognised"),
        Recognition("collins.png", "not_recognised"),
    ),
    stylizations=(
        Stylization("collins.png", "great-wave", "fast", 512),
        Stylization("collins.png", "composition-viii", "fast", 512),
        Stylization("collins.png", "great-wave", "fine", 256, steps=60),
    ),
)
