"""A training run on disk, between two epochs: one file, whole or not there.

Only tensors, numbers and strings, read with `weights_only=True`: a checkpoint cannot run code.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import torch
from torch import nn

from shared.errors import InvalidCheckpoint
from shared.ml.face.training.sampling import Samples

if TYPE_CHECKING:
    from shared.ml.face.training.trainer import Plan

_FORMAT = 1
# They say when to stop, not what an epoch does: a finished run may be taken further with more of them.
_MAY_CHANGE = frozenset({"epochs", "patience"})

Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class EpochResult:
    """One row of the curves."""

    epoch: int  # 0: before training
    loss: float
    active: float  # part of the mined triplets that broke the margin
    validation: float  # mean TAR over FMR 1e-3 to 1e-1 on the validation people
    seconds: float

    @classmethod
    def before(cls, validation: float) -> "EpochResult":
        return cls(epoch=0, loss=0.0, active=0.0, validation=validation, seconds=0.0)


@dataclass(frozen=True, eq=False)
class Checkpoint:
    network: dict[str, torch.Tensor]
    optimiser: dict[str, Any]  # as torch.optim has it
    best: dict[str, torch.Tensor]
    history: list[EpochResult]


def identity(plan: "Plan", network: nn.Module, *parts: Samples) -> str:
    """What must be the same for a run to go on: the plan, the network it began with, what is trained, the data."""
    settings = {name: value for name, value in asdict(plan).items() if name not in _MAY_CHANGE}
    digest = hashlib.sha256(repr(sorted(settings.items())).encode())
    for name, parameter in network.named_parameters():
        digest.update(f"{name} {parameter.requires_grad}".encode())
        digest.update(parameter.detach().cpu().numpy().tobytes())
    for part in parts:
        digest.update(part.pixels.numpy().tobytes())
        digest.update(part.people.numpy().tobytes())
    return digest.hexdigest()


def save(path: Path, checkpoint: Checkpoint, run: str) -> None:
    """Appears by a rename: a kill while it is written leaves the one before."""
    content = {
        "format": _FORMAT,
        "run": run,
        "network": checkpoint.network,
        "optimiser": checkpoint.optimiser,
        "best": checkpoint.best,
        "history": [asdict(result) for result in checkpoint.history],
    }
    temporary = path.with_name(f".{uuid4().hex}")
    try:
        with temporary.open("wb") as file:  # by its name torch would refuse a file that begins with a dot
            torch.save(content, file)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load(path: Path, run: str) -> Checkpoint:
    """Raises InvalidCheckpoint when it is damaged, or of a run with another plan, network or data."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, UnpicklingError) as error:
        raise InvalidCheckpoint(f"{path} is not a whole checkpoint; remove it to start afresh") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise InvalidCheckpoint(f"{path} is not a checkpoint of this version; remove it to start afresh")
    if content["run"] != run:
        raise InvalidCheckpoint(
            f"{path} belongs to a run with other settings, other photos or another model: "
            "repeat the run's own settings to go on, or remove the file to start afresh"
        )
    return Checkpoint(
        network=content["network"],
        optimiser=content["optimiser"],
        best=content["best"],
        history=[EpochResult(**row) for row in content["history"]],
    )
