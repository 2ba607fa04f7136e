"""Embeddings and labels to try things on."""

import numpy as np
import pytest
import torch

from shared.ml.face.training.losses import unit


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def people() -> torch.Tensor:
    """Ten people, whose photos lie together, then twelve photos drawn among all of them."""
    drawn = np.random.default_rng(0).integers(0, 10, 12)
    return torch.cat([torch.arange(10).repeat_interleave(3), torch.from_numpy(drawn)])


@pytest.fixture
def embeddings(people: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Unit vectors, one person's near each other but not so near that nothing is to be learnt."""
    centres = torch.randn(10, 8, generator=rng)
    return unit(centres[people] + 0.7 * torch.randn(len(people), 8, generator=rng))
