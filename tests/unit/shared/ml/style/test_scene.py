"""What a stylisation starts from, at its own size and smaller."""

import pytest
import torch
from torch import Tensor

from shared.errors import InvalidField, InvalidImage
from shared.ml.style.scene import Scene, StyleImage

CPU = torch.device("cpu")


def scene(*styles: StyleImage, keep: Tensor | None = None) -> Scene:
    return Scene.of(torch.full((1, 3, 64, 96), 0.5), styles, keep, device=CPU)


def ones(height: int, width: int) -> Tensor:
    return torch.ones(1, 1, height, width)


GREY = torch.full((1, 3, 40, 50), 0.25)


def test_a_mask_of_another_size_is_refused_with_both_sizes() -> None:
    with pytest.raises(InvalidImage, match="mask of style 2 is 96 x 32 px, the content 96 x 64 px"):
        scene(StyleImage(GREY), StyleImage(GREY, mask=ones(32, 96)))


def test_what_to_keep_has_the_contents_size() -> None:
    with pytest.raises(InvalidImage, match="mask of what to keep is 64 x 96 px"):
        scene(StyleImage(GREY), keep=ones(96, 64))


def test_styles_without_weight_are_refused() -> None:
    with pytest.raises(InvalidField, match="weights"):
        scene(StyleImage(GREY, 0.0))


def test_all_gets_smaller_by_one_factor() -> None:
    half = scene(StyleImage(GREY, mask=ones(64, 96) / 2), keep=ones(64, 96) / 4).resized(32, 48)
    assert half.size == (32, 48)
    assert half.styles[0].shape == (1, 3, 20, 25)
    assert half.keep is not None
    assert half.keep.shape == (1, 1, 32, 48)
    assert half.regions[0].share is not None
    torch.testing.assert_close(half.regions[0].share, ones(32, 48) * 0.5 * 0.75)


def test_a_style_does_not_get_smaller_than_the_network_can_see() -> None:
    (style,) = scene(StyleImage(GREY)).resized(16, 24).styles
    assert style.shape == (1, 3, 16, 20)


def test_a_layers_share_is_the_mean_over_the_pixels_of_a_position() -> None:
    mask = torch.zeros(1, 1, 64, 96)
    mask[..., :3, 0] = 1
    found = scene(StyleImage(GREY, mask=mask), StyleImage(GREY)).shares(2)
    assert found is not None
    assert found.shape == (2, 32, 48)
    assert found[0, :3, 0].tolist() == [0.5, 0.25, 0]
    torch.testing.assert_close(found.sum(0), torch.ones(32, 48))


def test_without_masks_there_are_no_shares() -> None:
    assert scene(StyleImage(GREY)).shares(1) is None


def test_soft_edges_of_what_is_kept_mix() -> None:
    keep = ones(64, 96) * 0.25
    picture = scene(StyleImage(GREY), keep=keep).composed(torch.ones(1, 3, 64, 96))
    torch.testing.assert_close(picture, torch.full((1, 3, 64, 96), 0.25 * 0.5 + 0.75))
