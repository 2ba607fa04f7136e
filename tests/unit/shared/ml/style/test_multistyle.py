"""The network of 26 looks against its published file, which computes in float32 too."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from shared.errors import InvalidField, InvalidImage
from shared.ml.style.looks import LOOKS, Look, find
from shared.ml.style.multistyle import LookStyliser
from shared.ml.style.transformer import StyleTransformer
from shared.ml.weights import MULTISTYLE, fetch, load

TOLERANCE = 1e-3  # of single pixels; float32 sums in another order


@pytest.fixture(scope="module")
def exact(weights_dir: Path) -> LookStyliser:
    """In float32 on every machine."""
    return LookStyliser(StyleTransformer(load(MULTISTYLE, weights_dir), dtype=torch.float32), torch.device("cpu"))


@pytest.fixture(scope="module")
def fastest(weights_dir: Path) -> LookStyliser:
    return LookStyliser.from_weights(torch.device("cpu"), cache_dir=weights_dir)


@pytest.fixture(scope="module")
def published(weights_dir: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(fetch(MULTISTYLE, weights_dir)))


def run(session: onnxruntime.InferenceSession, content: Tensor, shares: Tensor) -> Tensor:
    (painted,) = session.run(None, {"image": content.numpy(), "style_weights": shares[0].numpy()})
    return torch.from_numpy(np.asarray(painted))


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.id)
def test_each_look_is_the_published_networks(
    exact: LookStyliser, published: onnxruntime.InferenceSession, portrait_128: Tensor, look: Look
) -> None:
    content = portrait_128[..., :96, :80]
    vector = exact.style_vector({look: 1.0})
    expected = run(published, content, vector)
    torch.testing.assert_close(exact.stylise(content, vector), expected, rtol=0, atol=TOLERANCE)


def test_a_mix_of_looks_is_the_published_networks(
    exact: LookStyliser, published: onnxruntime.InferenceSession, portrait_128: Tensor
) -> None:
    content = portrait_128[..., :96, :80]
    vector = exact.style_vector({find("look-woodcut"): 3, find("look-ember"): 1})
    assert vector[0, [18, 20]].tolist() == [0.75, 0.25]
    torch.testing.assert_close(exact.stylise(content, vector), run(published, content, vector), rtol=0, atol=TOLERANCE)


def test_the_type_chosen_for_speed_does_not_change_the_look(
    exact: LookStyliser, fastest: LookStyliser, portrait_128: Tensor
) -> None:
    vector = exact.style_vector({find("look-porcelain"): 1})
    difference = fastest.stylise(portrait_128, vector) - exact.stylise(portrait_128, vector)
    assert difference.abs().mean() < 0.01


def test_strips_give_the_same_picture(exact: LookStyliser, portrait_128: Tensor) -> None:
    vector = exact.style_vector({find("look-peacock"): 1})
    torch.testing.assert_close(
        exact.stylise(portrait_128, vector, tile=40), exact.stylise(portrait_128, vector), rtol=0, atol=TOLERANCE
    )


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_strength_mixes_with_the_photo(exact: LookStyliser, portrait_128: Tensor, strength: float) -> None:
    vector = exact.style_vector({find("look-ember"): 1})
    share = {0.0: 0.0, 0.5: 0.75}[strength]
    expected = torch.lerp(portrait_128, exact.stylise(portrait_128, vector), share)
    torch.testing.assert_close(exact.stylise(portrait_128, vector, strength=strength), expected)


def test_no_look_at_all_is_refused(exact: LookStyliser) -> None:
    with pytest.raises(InvalidField, match="not all of them 0"):
        exact.style_vector({find("look-ember"): 0})


def test_too_narrow_a_content_is_refused(exact: LookStyliser) -> None:
    with pytest.raises(InvalidImage, match="at least 5 pixels"):
        exact.stylise(torch.zeros(1, 3, 4, 64), exact.style_vector({LOOKS[0]: 1}))
