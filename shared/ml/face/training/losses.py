"""The triplet loss.

Schroff, Kalenichenko, Philbin: "FaceNet", CVPR 2015, arXiv:1503.03832, equation 3:

    L = Σ max(‖f(A) − f(P)‖² − ‖f(A) − f(N)‖² + α, 0)

over triplets of an anchor A, a positive P (the same person) and a negative N (another), with margin α and
*squared* distances of embeddings on the unit sphere, so that each distance lies in [0, 4].

Where this differs: the mean over the triplets instead of their sum, so that a learning rate does not depend
on how many triplets a miner finds. Triplets that already keep the margin count in that mean, with a loss of
zero: random triplets soon teach nothing, and mining (shared/ml/face/training/mining.py) is the answer to that.
"""

import torch
from torch.nn import functional


def unit(raw: torch.Tensor) -> torch.Tensor:
    """(N, D) as a network leaves them, any precision -> (N, D) float32 of unit length: f(x)."""
    return functional.normalize(raw.float(), dim=1)


def squared_distances(embeddings: torch.Tensor) -> torch.Tensor:
    """(N, D) unit rows -> (N, N) of ‖f(a) − f(b)‖² = 2 − 2 f(a)·f(b), in [0, 4]."""
    return (2 - 2 * embeddings @ embeddings.T).clamp(0, 4)


def triplet_losses(
    anchor: torch.Tensor, positive: torch.Tensor, negative: torch.Tensor, *, margin: float
) -> torch.Tensor:
    """Three times (T, D) -> (T,), the loss of each triplet, not below 0."""
    to_positive = (anchor - positive).square().sum(dim=1)
    to_negative = (anchor - negative).square().sum(dim=1)
    return functional.relu(to_positive - to_negative + margin)


def triplet_loss(
    anchor: torch.Tensor, positive: torch.Tensor, negative: torch.Tensor, *, margin: float
) -> torch.Tensor:
    """Three times (T, D), T > 0 -> the mean loss, a scalar."""
    return triplet_losses(anchor, positive, negative, margin=margin).mean()
