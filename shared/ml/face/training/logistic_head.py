"""A logistic unit on two embeddings, as another answer than a threshold on their distance.

Taigman, Yang, Ranzato, Wolf: "DeepFace", CVPR 2014, sections 4.1 and 4.2; for frozen, precomputed embeddings f:

    ŷ = σ(Σ_k w_k |f(a)_k − f(b)_k| + b)                            absolute
    ŷ = σ(Σ_k w_k (f(a)_k − f(b)_k)² / (f(a)_k + f(b)_k) + b)       chi-square (χ²)

Where this differs: χ² is for histograms and needs components that are not negative. DeepFace's come out of a
ReLU; ours have both signs, so each is taken apart into its positive and its negative part first, (max(f, 0),
max(−f, 0)), which loses nothing and doubles the number of features. A component that is 0 in both embeddings
adds 0. DeepFace finds χ²'s weights by a linear SVM; here both variants are fitted alike.

The loss is convex, so that the fit has one answer whatever it starts from: full batches and L-BFGS in float64.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from shared.ml.face.model import Embeddings
from shared.ml.face.training.measures import PairScores

_ITERATIONS = 200
_CHUNK = 16_384  # pairs; their features take 32 MB
_MOST_GENUINE_PER_PERSON = 100  # a person with many photos has a quadratic number of pairs
_IMPOSTORS_PER_GENUINE = 10


class PairFeatures(StrEnum):
    ABSOLUTE = "absolute"
    CHI_SQUARE = "chi-square"


@dataclass(frozen=True, eq=False)
class Pairs:
    """Indices of the two embeddings of each pair, (P,) int64, and whether they are one person's, (P,) bool."""

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    same: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class LogisticHead:
    """`weights` is (F,) float64: F is D for absolute and 2 D for chi-square."""

    features: PairFeatures
    weights: torch.Tensor
    bias: float

    def logits(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """Twice (P, D) -> (P,) float64: the log-odds that the two are one person."""
        return pair_features(a, b, self.features) @ self.weights + self.bias

    def probabilities(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """Twice (P, D) -> (P,) in (0, 1): ŷ, for as many genuine as impostor pairs."""
        return torch.sigmoid(self.logits(a, b))


def pair_features(a: torch.Tensor, b: torch.Tensor, features: PairFeatures) -> torch.Tensor:
    """Twice (P, D) -> (P, D) or (P, 2 D) float64, none negative."""
    a, b = a.double(), b.double()
    match features:
        case PairFeatures.ABSOLUTE:
            return (a - b).abs()
        case PairFeatures.CHI_SQUARE:
            a, b = torch.cat([a.relu(), (-a).relu()], 1), torch.cat([b.relu(), (-b).relu()], 1)
            total = a + b
            return (a - b).square() / torch.where(total > 0, total, 1.0)


def training_pairs(people: npt.NDArray[np.int64], *, seed: int) -> Pairs:
    """(N,) labels -> up to 100 genuine pairs a person, and ten impostor pairs for each genuine one."""
    rng = np.random.default_rng(seed)
    genuine = []
    for person in np.unique(people):
        own = np.flatnonzero(people == person)
        pairs = np.stack(np.triu_indices(len(own), k=1), axis=1)
        genuine.append(own[rng.permutation(pairs)[:_MOST_GENUINE_PER_PERSON]])
    alike = np.concatenate(genuine)
    drawn = rng.integers(0, len(people), (2 * _IMPOSTORS_PER_GENUINE * len(alike), 2))
    differ = drawn[people[drawn[:, 0]] != people[drawn[:, 1]]][: _IMPOSTORS_PER_GENUINE * len(alike)]
    both = np.concatenate([alike, differ]).astype(np.int64)
    return Pairs(both[:, 0], both[:, 1], np.arange(len(both)) < len(alike))


def fit(embeddings: Embeddings, pairs: Pairs, features: PairFeatures, *, penalty: float = 1e-4) -> LogisticHead:
    """The head that minimises the log loss, both kinds of pairs weighing the same, plus penalty / 2 · ‖w‖²."""
    vectors = torch.from_numpy(embeddings)
    x = pair_features(vectors[pairs.first], vectors[pairs.second], features)
    y = torch.from_numpy(pairs.same).double()
    balance = torch.where(y > 0, 0.5 / y.mean(), 0.5 / (1 - y.mean()))
    weights = torch.zeros(x.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [weights, bias],
        max_iter=_ITERATIONS,
        tolerance_grad=1e-9,
        tolerance_change=1e-12,
        line_search_fn="strong_wolfe",
    )

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = functional.binary_cross_entropy_with_logits(x @ weights + bias, y, weight=balance)
        loss = loss + penalty / 2 * weights.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return LogisticHead(features, weights.detach(), float(bias.detach()))


def head_scores(head: LogisticHead, embeddings: Embeddings, people: npt.NDArray[np.int64]) -> PairScores:
    """As `pair_scores`, with 2 ŷ − 1 in the cosine's place: it has the cosine's range."""
    vectors = torch.from_numpy(embeddings)
    first, second = np.triu_indices(len(people), k=1)
    scores = np.concatenate(
        [
            torch.tanh(head.logits(vectors[first[start:][:_CHUNK]], vectors[second[start:][:_CHUNK]]) / 2).numpy()
            for start in range(0, len(first), _CHUNK)
        ]
    )
    same = people[first] == people[second]
    return PairScores(genuine=scores[same], impostor=scores[~same])
