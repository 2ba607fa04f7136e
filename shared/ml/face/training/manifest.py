"""What a trained model is, in a file beside it: where it comes from, what it was trained on, what its scores mean.

Pure Python, so that whoever only needs the identity and the thresholds loads no torch. It describes its training
data by numbers and never names a person.
"""

from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

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


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TrainingData(_Value):
    people: int
    photos: int
    validation_people: int
    test_people: int


class Figures(_Value):
    """On the test people, whom neither training nor the choice of the best epoch has seen."""

    accuracy: float  # balanced, at the threshold that is best on the validation people
    mean_true_match_rate: float  # over FMR 1e-3 to 1e-1
    tar_at_far: tuple[TarAtFar, ...]


class Manifest(_Value):
    """`thresholds` are measured on the validation people; only the rates that these are enough to show."""

    name: Annotated[str, Field(pattern=f"^{NAME_PATTERN}$")]
    kind: Kind
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: int  # bytes
    parent: str  # a model of the registry
    parent_digest: str
    licence_note: str
    data: TrainingData
    settings: dict[str, str | int | float]
    thresholds: tuple[TarAtFar, ...]
    before: Figures
    after: Figures
    created: date

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
                points=tuple(OperatingPoint(point.target, point.threshold) for point in measured if point.threshold),
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
