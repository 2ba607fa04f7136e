"""What may be said beside the files of a request; what is left out is the gateway's to choose (docs/api.md)."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from gateway.client.documents import Box

Place = str | Box
"""Of a face, in pixels of the upright photo: `x,y,width,height`, or a box as answers have it."""


class PhotoOptions(TypedDict, total=False):
    """Of a photo that is to be stored as a face of a person."""

    label: str
    conflicts: str
    override: str
    priority: str
    face: int
    box: Place


class EnrolmentOptions(PhotoOptions, total=False):
    device: str


class ProbeOptions(TypedDict, total=False):
    """Of what is compared with people of a gallery."""

    policy: str
    liveness: str
    liveness_session: str
    device: str
    priority: str


class VerificationOptions(ProbeOptions, total=False):
    """`face` or `box` says which face of the photo is meant."""

    external_id: str
    face: int
    box: Place


class RecognitionOptions(ProbeOptions, total=False):
    top_k: int
    thorough: bool
    max_faces: int


class ComparisonOptions(TypedDict, total=False):
    policy: str
    model: str
    face_a: int
    face_b: int
    box_a: Place
    box_b: Place
    priority: str


class GalleryRules(TypedDict, total=False):
    lookalikes: str
    conflicts: str
    templates_per_person: int
    liveness: str
    thumbnails: bool
    access: Mapping[str, Any]


class NewGalleryOptions(GalleryRules, total=False):
    model: str


class PersonFields(TypedDict, total=False):
    """Null removes a field; one that is left out stays."""

    name: str | None
    external_id: str | None
    tags: Sequence[str] | None
    groups: Sequence[str] | None
    attributes: Mapping[str, str | int | float | bool] | None
    valid_from: str | None
    valid_until: str | None
    expires_at: str | None
    consent: Mapping[str, str] | None


class PersonFilter(TypedDict, total=False):
    q: str
    tag: str
    group: str
    external_id: str
    faces: str


class StyleOptions(TypedDict, total=False):
    """Of a stylisation; those below `preset` are for `mode="fine"`."""

    mode: str
    size: int
    format: str
    strength: float
    colours: str
    tiled: bool
    style_weights: list[float]
    priority: str
    preset: str
    steps: int
    optimiser: str
    learning_rate: float
    levels: int
    alpha: float
    beta: float
    tv_weight: float
    content_layers: dict[str, float]
    style_layers: dict[str, float]
    pooling: str
    init: str
    seed: int
    preview_every: int


class AuditFilter(TypedDict, total=False):
    since: str
    until: str
    gallery: str
    person: str
    device: str
    action: str
    order: str
