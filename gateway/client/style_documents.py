"""What the API answers about styles, stylisations and batches (see documents.py)."""

from typing import Any, NotRequired, TypedDict

from gateway.client.documents import FaceWarning, Problem
from gateway.client.model_documents import FileProblem


class Picture(TypedDict):
    url: str
    media_type: str
    width: int
    height: int
    bytes: int
    sha256: str


class Stylization(TypedDict):
    image: Picture
    mode: str
    style_id: str | None
    styles: list[dict[str, Any]]
    strength: float
    colours: str
    tiled: bool
    fine: dict[str, Any] | None
    costs: dict[str, float] | None
    memory_bytes: int | None
    seconds: float


class Estimate(TypedDict):
    memory_bytes: int
    budget_bytes: int
    fits: bool
    largest_size: int
    largest_size_tiled: int


class Visualisation(TypedDict):
    layer: str | None
    units: list[int]
    pictures: int
    problems: list[FileProblem]
    seconds: float


class Style(TypedDict):
    id: str
    title: str
    artist: str | None
    year: str | None
    licence: str
    kind: str
    shared: bool
    modes: list[str]
    width: int | None
    height: int | None
    created_at: str | None
    links: dict[str, str]


class SkippedFile(TypedDict):
    """A file that was sent with a batch and is no item of it."""

    name: str
    reason: str


class BatchCounts(TypedDict):
    total: int
    queued: int
    running: int
    done: int
    failed: int
    cancelled: int


class Batch(TypedDict):
    id: str
    kind: str
    gallery: NotRequired[str]
    status: str
    counts: BatchCounts
    warnings: int
    skipped_count: int
    skipped: list[SkippedFile]
    created_at: str
    started_at: str | None
    finished_at: str | None
    eta_seconds: float | None
    links: dict[str, str]


class ItemEnrolment(TypedDict):
    verdict: str
    reason: str | None
    face: str | None
    warnings: list[FaceWarning]


class BatchItem(TypedDict):
    """`image` is there for stylisations, `person` and `enrolment` for enrolments.

    The code of the error of a photo that was not taken is its verdict.
    """

    custom_id: str
    name: str | None
    status: str
    job: str | None
    image: NotRequired[Picture | None]
    error: Problem | None
    person: NotRequired[str]
    enrolment: NotRequired[ItemEnrolment]
    warnings: NotRequired[list[FaceWarning]]
