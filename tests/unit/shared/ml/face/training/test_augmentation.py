import dataclasses

import pytest
import torch

from shared.ml.face.training.augmentation import Jitter, augment

NONE = Jitter(mirrored=0, brightness=0, contrast=0, colour=0, scale=0, angle=0, shift=0)


@pytest.fixture
def pictures(rng: torch.Generator) -> torch.Tensor:
    return torch.randint(0, 256, (6, 3, 16, 16), generator=rng, dtype=torch.uint8)


def test_no_jitter_changes_nothing(pictures: torch.Tensor, rng: torch.Generator) -> None:
    assert torch.allclose(augment(pictures, NONE, rng=rng), pictures.float(), atol=0.01)


def test_always_mirrored_is_the_mirror_image(pictures: torch.Tensor, rng: torch.Generator) -> None:
    mirrored = augment(pictures, dataclasses.replace(NONE, mirrored=1), rng=rng)
    assert torch.allclose(mirrored, pictures.float().flip(3), atol=0.01)


def test_half_of_the_pictures_are_mirrored(rng: torch.Generator) -> None:
    ramp = torch.arange(16.0).expand(400, 3, 16, 16)
    mirrored = augment(ramp, dataclasses.replace(NONE, mirrored=0.5), rng=rng)[:, 0, 0, 0] > 8
    assert 150 < int(mirrored.sum()) < 250


def test_brightness_moves_a_picture_as_a_whole_and_within_its_width(rng: torch.Generator) -> None:
    grey = torch.full((200, 3, 8, 8), 127.0)
    moved = augment(grey, dataclasses.replace(NONE, brightness=0.1), rng=rng)
    assert torch.allclose(moved, moved[:, :1, :1, :1].expand_as(moved), atol=1e-3)
    shifts = moved[:, 0, 0, 0] - 127
    assert 20 < shifts.abs().max() <= 25.5


def test_values_stay_in_range_and_follow_the_generator(pictures: torch.Tensor) -> None:
    first, again, other = (
        augment(pictures, Jitter(contrast=0.9), rng=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert first.dtype == torch.float32
    assert first.min() >= 0
    assert first.max() <= 255
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
