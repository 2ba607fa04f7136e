"""Training an encoder with mined triplets: seeded, resumable, stopped when it no longer gains.

Every random draw of an epoch follows from (seed, epoch) alone, so there is no generator state to keep: a run that
was killed and resumed at an epoch's start ends with the same weights, bit for bit on a CPU, as one that was not.
(Networks that draw numbers of their own, by dropout, would break that; those of this project do not.)

"Best so far" begins with the network as it came, as epoch 0: training can end without a gain, never with a loss
on the validation people.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from shared.errors import NumericalError
from shared.ml.device import cpu_has_bfloat16
from shared.ml.face.model import Embeddings
from shared.ml.face.training import checkpoints
from shared.ml.face.training.augmentation import Jitter, augment
from shared.ml.face.training.checkpoints import Checkpoint, EpochResult
from shared.ml.face.training.losses import squared_distances, triplet_losses, unit
from shared.ml.face.training.measures import mean_true_match_rate, pair_scores
from shared.ml.face.training.mining import Miner
from shared.ml.face.training.options import Mining
from shared.ml.face.training.sampling import Samples, epoch_batches

_EMBEDDING_BATCH = 64


@dataclass(frozen=True)
class Plan:
    """Everything that decides the outcome, beside the network and the data."""

    mining: Mining = Mining.SEMI_HARD
    margin: float = 0.2  # between squared distances, which lie in [0, 4]
    people: int = 16  # P of a batch
    photos: int = 4  # K of a batch
    epochs: int = 10  # at most
    patience: int = 3  # epochs without a gain on the validation people
    learning_rate: float = 1e-5
    weight_decay: float = 1e-4
    seed: int = 0
    jitter: Jitter | None = field(default_factory=Jitter)  # None: the pictures as they are

    def __post_init__(self) -> None:
        if min(self.people, self.photos) < 2:
            raise ValueError("a batch needs two people, to have negatives, and two photos of each, to have positives")
        if self.margin <= 0:
            raise ValueError("without a margin a network that maps everything to one point has no loss")


@dataclass(frozen=True)
class Step:
    """One batch, for a progress bar."""

    epoch: int  # from 1
    batch: int  # from 1
    batches: int
    loss: float
    active: float  # part of the mined triplets that break the margin


Event = Step | EpochResult


class Trainer:
    """`network` maps (N, *shape) float to (N, D); it is trained in place, the parameters that require a gradient."""

    def __init__(
        self, network: nn.Module, *, train: Samples, validation: Samples, plan: Plan, device: torch.device
    ) -> None:
        self.network = network.to(device)
        self.plan = plan
        self._train, self._validation, self._device = train, validation, device
        self._miner = Miner(plan.mining, plan.margin)
        self._trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self._optimiser = torch.optim.AdamW(self._trainable, lr=plan.learning_rate, weight_decay=plan.weight_decay)
        self._identity = checkpoints.identity(plan, network, train, validation)
        self.history: list[EpochResult] = []
        self._best = _copied(network)

    @property
    def best(self) -> EpochResult:
        """The first of the best epochs on the validation people; epoch 0 is the network as it came."""
        return max(self.history, key=lambda result: result.validation)

    def run(self, checkpoint: Path | None = None) -> Iterator[Event]:
        """Train to the end, going on from the checkpoint where there is one; the network is its best self after.

        Raises InvalidCheckpoint when the file belongs to another run, NumericalError when embeddings are not finite.
        """
        if checkpoint is not None and checkpoint.exists():
            self._restore(checkpoints.load(checkpoint, self._identity))
        else:
            yield self._finished(EpochResult.before(self._validate()), checkpoint)
        while not self._done():
            yield from self._epoch(self.history[-1].epoch + 1, checkpoint)
        self.network.load_state_dict(self._best)

    def _done(self) -> bool:
        last = self.history[-1].epoch
        return last >= self.plan.epochs or last - self.best.epoch >= self.plan.patience

    def _epoch(self, epoch: int, checkpoint: Path | None) -> Iterator[Event]:
        started = time.perf_counter()
        rng = torch.Generator().manual_seed(self.plan.seed * 1_000_003 + epoch)
        batches = list(
            epoch_batches(
                self._train.people,
                people_per_batch=self.plan.people,
                photos_per_person=self.plan.photos,
                rng=rng,
            )
        )
        steps: list[Step] = []
        self.network.train()
        for number, batch in enumerate(batches, start=1):
            loss, active = self._learn(batch, rng)
            steps.append(Step(epoch, number, len(batches), loss, active))
            yield steps[-1]
        result = EpochResult(
            epoch=epoch,
            loss=float(np.mean([step.loss for step in steps])),
            active=float(np.mean([step.active for step in steps])),
            validation=self._validate(),
            seconds=time.perf_counter() - started,
        )
        yield self._finished(result, checkpoint)

    def _learn(self, batch: torch.Tensor, rng: torch.Generator) -> tuple[float, float]:
        """One step of the optimiser; the loss and the active part of the triplets before it."""
        pixels = self._train.pixels[batch].to(self._device).float()
        if self.plan.jitter is not None:
            pixels = augment(pixels, self.plan.jitter, rng=rng)
        with autocast(self._device):
            raw = self.network(pixels)
        embeddings = unit(raw)  # distances of near neighbours need float32
        if not embeddings.isfinite().all():
            rate = self.plan.learning_rate
            raise NumericalError(f"the embeddings are no longer finite: choose a learning rate below {rate:g}")
        people = self._train.people[batch].to(self._device)
        triplets = self._miner(squared_distances(embeddings.detach()), people, rng=rng)
        if not len(triplets.anchor):
            return 0.0, 0.0
        # index_select, whose gradient is summed in a fixed order on a CPU; that of [...] is not
        losses = triplet_losses(*(embeddings.index_select(0, part) for part in triplets), margin=self.plan.margin)
        loss = losses.mean()
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own
        self._optimiser.step()
        return float(loss.detach()), float((losses > 0).float().mean())

    def _validate(self) -> float:
        embeddings = embed(self.network, self._validation.pixels, device=self._device)
        return mean_true_match_rate(pair_scores(embeddings, self._validation.people.numpy()))

    def _finished(self, result: EpochResult, checkpoint: Path | None) -> EpochResult:
        self.history.append(result)
        if self.best is result:
            self._best = _copied(self.network)
        if checkpoint is not None:
            state = Checkpoint(
                network=self.network.state_dict(),
                optimiser=self._optimiser.state_dict(),
                best=self._best,
                history=self.history,
            )
            checkpoints.save(checkpoint, state, self._identity)
        return result

    def _restore(self, state: Checkpoint) -> None:
        self.network.load_state_dict(state.network)
        self._optimiser.load_state_dict(state.optimiser)
        self._best, self.history = state.best, state.history


def autocast(device: torch.device) -> torch.autocast:
    """bfloat16 where the device computes in it, float32 elsewhere.

    Not float16: bfloat16 has float32's range, so gradients need no scaling, and no state that a resumed run lacks.
    """
    match device.type:
        case "cuda":
            able = torch.cuda.is_bf16_supported(including_emulation=False)
        case _:
            able = cpu_has_bfloat16()
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=able)


def embed(network: nn.Module, pixels: torch.Tensor, *, device: torch.device) -> Embeddings:
    """(N, *shape) any dtype -> (N, D) float32 unit rows, as the network computes them in training."""
    network.eval()
    with torch.inference_mode(), autocast(device):
        parts: Sequence[torch.Tensor] = [
            unit(network(part.to(device).float())).cpu() for part in torch.split(pixels, _EMBEDDING_BATCH)
        ]
    return np.asarray(torch.cat(list(parts)).numpy(), dtype=np.float32)


def _copied(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
