"""What a trained model is, in a file beside it: where it comes from, what it was trained on, what its scores mean.

Pure Python, so that whoever only needs the identity and the thresholds loads no torch. It describes its training
data by numbers and never names a person.
"""

import re
from datetime import date
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from shared.errors import WeightsCorrupt, WeightsNotFound
from shared.ml.face.catalogue import ModelCard, OperatingCurve, OperatingPoint
from shared.ml.face.evaluation.report import TarAtFar
from shared.ml.weight_registry import REGISTRY, Accuracy, Weights
from shared.ml.weight_sources import LocalDirectory, ObjectStore

MODEL_FILE = "model.safetensors"
MANIFEST_FILE = "manifest.json"
DIMENSIONS = 128
NAME_PATTERN = r"[a-z0-9][a-z0-9.-]{0,62}"  # it becomes part of an object's key
_CONVERTER = "shared.ml.face.training.trained:tensors"


class Kind(StrEnum):
    EMBEDDER = "embedder"  # an SFace with other parameters: serves like the published one
    PAIR_HEAD = "pair-head"  # a logistic unit on two of the parent's embeddings


_Count = Annotated[int, Field(ge=0, le=10**9)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class TrainingData(_Value):
    people: _Count
    photos: _Count
    validation_people: _Count
    test_people: _Count


class Figures(_Value):
    """On the test people, whom neither training nor the choice of the best epoch has seen."""

    accuracy: float  # balanced, at the threshold that is best on the validation people
    mean_true_match_rate: float  # over FMR 1e-3 to 1e-1
    tar_at_far: tuple[TarAtFar, ...]


class Manifest(_Value):
    """`thresholds` are measured on the validation people; only the rates that these are enough to show."""

    name: Annotated[str, Field(pattern=f"^{NAME_PATTERN}$")]  # and no digest: models go by either
    kind: Kind
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: _Count  # bytes
    parent: str  # a model of the registry
    parent_digest: str
    licence_note: str
    data: TrainingData
    settings: dict[str, str | int | float]
    thresholds: tuple[TarAtFar, ...]
    before: Figures
    after: Figures
    created: date

    @field_validator("name")
    @classmethod
    def _no_digest(cls, name: str) -> str:
        if re.fullmatch(r"[0-9a-f]{16}", name):
            raise ValueError("a name must not look like a digest")
        return name

    @field_validator("thresholds")
    @classmethod
    def _cosines_at_falling_rates(cls, thresholds: tuple[TarAtFar, ...]) -> tuple[TarAtFar, ...]:
        rates = [point.target for point in thresholds]
        if not all(0 < rate < 1 for rate in rates) or any(a <= b for a, b in pairwise(rates)):
            raise ValueError("targets are rates between 0 and 1, each less than the one before")
        if not all(-1 <= point.threshold <= 1 for point in thresholds if point.threshold is not None):
            raise ValueError("thresholds are cosines")
        return thresholds

    @property
    def digest(self) -> str:
        """The model's identity in templates, as `Weights.digest`."""
        return self.sha256[:16]

    @property
    def weights(self) -> Weights:
        """The model as the registry's own are: found in a local directory or under `models/<name>/`, checked."""
        parent = parent_of(self)
        return Weights(
            name=self.name,
            file_name=MODEL_FILE,
            sha256=self.sha256,
            size=self.size,
            licence=parent.licence,
            attribution=parent.attribution,
            provenance=f"{self.kind} trained on {self.data.photos:,} photos of {self.data.people:,} people, "
            f"from {parent.name} ({parent.digest})",
            unknown=f"{self.licence_note}; of its parent: {parent.unknown}",
            preprocessing=parent.preprocessing,
            sources=(LocalDirectory(), ObjectStore(f"models/{self.name}/")),
            accuracy=(
                Accuracy(
                    "balanced accuracy on held-out people",
                    f"{self.after.accuracy:.2%} (parent {self.before.accuracy:.2%})",
                    f"{self.data.test_people:,} people of the training folder, {self.created}",
                ),
            ),
            converter=_CONVERTER,
        )

    def card(self, margin: float) -> ModelCard | None:
        """Its scores' meaning for decisions; None when the validation people were too few for any threshold."""
        measured = [point for point in self.thresholds if point.threshold is not None]
        if self.kind is not Kind.EMBEDDER or not measured:
            return None
        return ModelCard(
            name=self.name,
            digest=self.digest,
            dimensions=DIMENSIONS,
            description=f"{self.parent}, fine-tuned on {self.data.people:,} people",
            curve=OperatingCurve(
                points=tuple(
                    OperatingPoint(point.target, point.threshold) for point in measured if point.threshold is not None
                ),
                margin=margin,
                data=f"all pairs of {self.data.validation_people:,} validation people of the training folder",
                source=f"measured when it was trained, {self.created}",
            ),
        )


def parent_of(manifest: Manifest) -> Weights:
    """Raises WeightsNotFound when this version of Likeness does not have that very model."""
    for weights in REGISTRY:
        if (weights.name, weights.digest) == (manifest.parent, manifest.parent_digest):
            return weights
    raise WeightsNotFound(
        f"{manifest.name} was trained from {manifest.parent} ({manifest.parent_digest}), which is not a model of "
        "this version: train it again from one that is"
    )


def read_manifest(directory: Path) -> Manifest:
    """Raises WeightsNotFound when there is none, WeightsCorrupt when it is not one."""
    path = directory / MANIFEST_FILE
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise WeightsNotFound(f"no trained model in {directory}: {path.name}: {error.strerror or error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise WeightsCorrupt(f"{path} is not a model's manifest: {where}: {first['msg']}") from None
