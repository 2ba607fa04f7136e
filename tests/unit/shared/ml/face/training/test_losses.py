import math

import pytest
import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.reducers import MeanReducer

from shared.ml.face.training.losses import squared_distances, triplet_loss, triplet_losses, unit
from shared.ml.face.training.mining import random_triplets

EAST, NORTH, WEST = (torch.tensor([v]) for v in ([1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]))


@pytest.mark.parametrize(
    ("positive", "negative", "margin", "expected"),
    [
        (EAST, WEST, 0.2, 0.0),  # max(0 − 4 + 0.2, 0)
        (NORTH, WEST, 0.2, 0.0),  # max(2 − 4 + 0.2, 0)
        (NORTH, NORTH, 0.2, 0.2),  # max(2 − 2 + 0.2, 0)
        (WEST, NORTH, 0.2, 2.2),  # max(4 − 2 + 0.2, 0)
        (WEST, EAST, 1.0, 5.0),  # max(4 − 0 + 1, 0)
    ],
)
def test_values_by_hand(positive: torch.Tensor, negative: torch.Tensor, margin: float, expected: float) -> None:
    assert triplet_loss(EAST, positive, negative, margin=margin).item() == pytest.approx(expected)


def test_the_mean_counts_triplets_that_keep_the_margin() -> None:
    anchor, positive, negative = EAST.expand(2, 2), torch.cat([EAST, WEST]), torch.cat([WEST, NORTH])
    assert triplet_losses(anchor, positive, negative, margin=0.2).tolist() == pytest.approx([0.0, 2.2])
    assert triplet_loss(anchor, positive, negative, margin=0.2).item() == pytest.approx(1.1)


def test_the_gradient_is_twice_the_difference_of_the_two_others() -> None:
    """d/dA (‖A − P‖² − ‖A − N‖²) = 2 (N − P)."""
    anchor = EAST.clone().requires_grad_()
    triplet_loss(anchor, WEST, NORTH, margin=0.2).backward()  # type: ignore[no-untyped-call]
    assert anchor.grad is not None
    assert torch.allclose(anchor.grad, 2 * (NORTH - WEST))


def test_a_triplet_that_keeps_the_margin_has_no_gradient() -> None:
    anchor = EAST.clone().requires_grad_()
    triplet_loss(anchor, EAST, WEST, margin=0.2).backward()  # type: ignore[no-untyped-call]
    assert anchor.grad is not None
    assert not anchor.grad.any()


def test_squared_distances_are_two_minus_two_cosines() -> None:
    expected = torch.tensor([[0.0, 2.0, 4.0], [2.0, 0.0, 2.0], [4.0, 2.0, 0.0]])
    assert torch.allclose(squared_distances(torch.cat([EAST, NORTH, WEST])), expected)


def test_unit_makes_float32_rows_of_length_one() -> None:
    rows = unit(torch.tensor([[3.0, 4.0]], dtype=torch.bfloat16))
    assert rows.dtype == torch.float32
    assert rows.tolist() == [pytest.approx([0.6, 0.8])]


def test_agrees_with_pytorch_metric_learning(
    embeddings: torch.Tensor, people: torch.Tensor, rng: torch.Generator
) -> None:
    triplets = random_triplets(people, rng=rng)
    oracle = TripletMarginLoss(margin=0.5, distance=LpDistance(power=2), reducer=MeanReducer())
    ours = triplet_loss(*(embeddings[part] for part in triplets), margin=0.5)
    assert ours.item() == pytest.approx(oracle(embeddings, people, tuple(triplets)).item(), rel=1e-5)


def test_the_loss_of_a_collapsed_network_is_the_margin() -> None:
    same = unit(torch.ones(6, 3))
    assert math.isclose(triplet_loss(same, same, same, margin=0.3).item(), 0.3, rel_tol=1e-6)
