import pytest
import torch

from shared.ml.face.training.encoder import ConvEncoder


def test_32_filters_of_3x3x3_turn_32x32x32x16_into_30x30x30x32() -> None:
    encoder = ConvEncoder(channels=16, size=(32, 32, 32), widths=(32, 32))
    convolution = encoder.blocks[0][0]  # type: ignore[index]
    assert convolution.weight.shape == (32, 16, 3, 3, 3)
    assert convolution(torch.zeros(1, 16, 32, 32, 32)).shape == (1, 32, 30, 30, 30)


@pytest.mark.parametrize("size", [(64,), (40, 32), (24, 24, 22)], ids=["sound", "picture", "volume"])
def test_one_encoder_for_signals_of_one_two_and_three_dimensions(size: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    encoder = ConvEncoder(channels=2, size=size, widths=(8, 16), embedding=12)
    embeddings = encoder(torch.rand(3, 2, *size))
    assert embeddings.shape == (3, 12)
    assert torch.allclose(embeddings.norm(dim=1), torch.ones(3))


def test_a_photo_is_embedded_alike_whatever_else_is_in_the_batch_and_in_training() -> None:
    torch.manual_seed(0)
    encoder = ConvEncoder(channels=1, size=(20, 20), widths=(8, 8))
    pictures = torch.rand(4, 1, 20, 20)
    assert torch.allclose(encoder.train()(pictures)[:1], encoder.eval()(pictures[:1]), atol=1e-6)


def test_four_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match="1, 2 or 3"):
        ConvEncoder(channels=1, size=(8, 8, 8, 8))


def test_an_input_too_small_for_the_blocks_is_refused() -> None:
    with pytest.raises(ValueError, match="3 blocks leave nothing"):
        ConvEncoder(channels=1, size=(12, 12))
