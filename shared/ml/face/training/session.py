"""One training from split photos to a described model: train, choose on the validation people, judge on the test.

Values in, values out: what is written where is the caller's business (workers/tools/train.py).
"""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import torch

from shared.errors import InvalidField
from shared.ml.face.catalogue import CATALOGUE
from shared.ml.face.training import trained
from shared.ml.face.training.checkpoints import EpochResult
from shared.ml.face.training.finetuning import Unfreeze, trainable_sface
from shared.ml.face.training.logistic_head import PairFeatures, fit, head_scores, training_pairs
from shared.ml.face.training.manifest import NAME_PATTERN, Kind, Manifest, TrainingData
from shared.ml.face.training.measures import PairScores, mean_true_match_rate, pair_scores
from shared.ml.face.training.report import Comparison, compare, markdown, operating_points
from shared.ml.face.training.sampling import Samples
from shared.ml.face.training.splits import split_people
from shared.ml.face.training.trainer import Event, Plan, Trainer, embed
from shared.ml.weights import REGISTRY, SFACE

PENALTIES = (1e-5, 1e-4, 1e-3)
_LICENCE_NOTE = "the terms of the photos it was trained on are its trainer's to know"

State = dict[str, torch.Tensor]
Settings = dict[str, str | int | float]


@dataclass(frozen=True, eq=False)
class Parts:
    """Photos of people, nobody in two of them."""

    train: Samples
    validation: Samples
    test: Samples

    @classmethod
    def of(cls, samples: Samples, *, seed: int) -> "Parts":
        """Raises InvalidDataset when there are fewer than six people."""
        split = split_people(samples.people.numpy(), seed=seed)
        return cls(samples[split.train], samples[split.validation], samples[split.test])


@dataclass(frozen=True, eq=False)
class Trained:
    """A model's file and its description."""

    content: bytes
    manifest: Manifest


@dataclass(frozen=True, eq=False)
class Outcome:
    """`model` is None when nothing did better than the original on the validation people: that one stays, and
    `comparison` is with the best of what was tried (the original itself, where that was an encoder).
    """

    comparison: Comparison
    history: list[EpochResult]
    model: Trained | None


def files(outcome: Outcome, name: str) -> dict[str, str]:
    """The report as it is handed out: report.md, report.json and curves.csv, with the text of each."""
    curves = io.StringIO(newline="")
    rows = csv.DictWriter(curves, [field.name for field in fields(EpochResult)])
    rows.writeheader()
    rows.writerows(asdict(result) for result in outcome.history)
    title, adopted = f"{name}: before and after", outcome.model is not None
    return {
        "report.md": markdown(outcome.comparison, title, adopted=adopted),
        "report.json": outcome.comparison.model_dump_json(indent=2),
        "curves.csv": curves.getvalue(),
    }


@dataclass(frozen=True)
class Job:
    """Under which name and on which device; InvalidField for a name that will not do."""

    name: str
    device: torch.device

    def __post_init__(self) -> None:
        if not re.fullmatch(NAME_PATTERN, self.name) or self.name in {
            *CATALOGUE,
            *(weights.name for weights in REGISTRY),
        }:
            raise InvalidField(
                f"{self.name!r} cannot name a new model: take lower-case letters, digits, dots and dashes, "
                "and no name of a model that is there already"
            )


@dataclass(frozen=True, eq=False)
class _Made:
    """What a training ended with, not yet described."""

    kind: Kind
    tensors: State
    settings: Settings


_Judged = tuple[PairScores, PairScores]  # the scores of the validation and of the test people's pairs


def tune_encoder(
    state: State,
    parts: Parts,
    job: Job,
    *,
    plan: Plan,
    unfreeze: Unfreeze = Unfreeze.LAST,
    checkpoint: Path | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Outcome:
    """Fine-tune SFace's parameters by triplets.

    Raises InvalidCheckpoint, NumericalError.
    """
    network = trainable_sface(state, unfreeze).to(job.device)

    def judged() -> _Judged:
        validation, test = (
            pair_scores(embed(network, part.pixels, device=job.device), part.people.numpy())
            for part in (parts.validation, parts.test)
        )
        return validation, test

    before = judged()
    trainer = Trainer(network, train=parts.train, validation=parts.validation, plan=plan, device=job.device)
    for event in trainer.run(checkpoint):
        if on_event is not None:
            on_event(event)
    best = trainer.best.epoch
    if best == 0:
        return _outcome(parts, job, before, before, made=None, history=trainer.history)
    settings: Settings = {name: value for name, value in vars(plan).items() if isinstance(value, str | int | float)}
    settings |= {"loss": "triplet", "unfreeze": unfreeze.value, "best_epoch": best, "jitter": repr(plan.jitter)}
    made = _Made(Kind.EMBEDDER, {name: tensor.cpu() for name, tensor in network.state_dict().items()}, settings)
    return _outcome(parts, job, before, judged(), made=made, history=trainer.history)


def fit_head(state: State, parts: Parts, job: Job, *, seed: int) -> Outcome:
    """Fit the logistic unit on frozen embeddings; the kind of features and the penalty are chosen on validation."""
    network = trainable_sface(state, Unfreeze.HEAD).to(job.device)
    known, validation, test = (
        embed(network, part.pixels, device=job.device) for part in (parts.train, parts.validation, parts.test)
    )
    of_validation, of_test = parts.validation.people.numpy(), parts.test.people.numpy()
    before = (pair_scores(validation, of_validation), pair_scores(test, of_test))
    pairs = training_pairs(parts.train.people.numpy(), seed=seed)
    candidates = []
    for features, penalty in product(PairFeatures, PENALTIES):
        fitted = fit(known, pairs, features, penalty=penalty)
        candidates.append((mean_true_match_rate(head_scores(fitted, validation, of_validation)), penalty, fitted))
    reached, penalty, head = max(candidates, key=lambda candidate: candidate[0])
    after = (head_scores(head, validation, of_validation), head_scores(head, test, of_test))
    if reached <= mean_true_match_rate(before[0]):
        return _outcome(parts, job, before, after, made=None, history=[])
    settings: Settings = {"loss": "logistic", "features": head.features.value, "penalty": penalty, "seed": seed}
    made = _Made(Kind.PAIR_HEAD, trained.head_tensors(head), settings)
    return _outcome(parts, job, before, after, made=made, history=[])


def _outcome(
    parts: Parts, job: Job, before: _Judged, after: _Judged, *, made: _Made | None, history: list[EpochResult]
) -> Outcome:
    comparison = compare(before, after, parts.test.people.numpy())
    if made is None:
        return Outcome(comparison, history, None)
    content = trained.model_bytes(made.tensors)
    manifest = Manifest(
        name=job.name,
        kind=made.kind,
        sha256=trained.sha256(content),
        size=len(content),
        parent=SFACE.name,
        parent_digest=SFACE.digest,
        licence_note=_LICENCE_NOTE,
        data=TrainingData(
            people=parts.train.persons,
            photos=len(parts.train.people),
            validation_people=parts.validation.persons,
            test_people=parts.test.persons,
        ),
        settings=made.settings,
        thresholds=tuple(point for point in operating_points(after[0]) if point.threshold is not None),
        before=comparison.before,
        after=comparison.after,
        created=datetime.now(UTC).date(),
    )
    return Outcome(comparison, history, Trained(content, manifest))
