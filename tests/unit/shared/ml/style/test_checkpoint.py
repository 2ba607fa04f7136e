"""Tensors and numbers as bytes and back."""

import pickle

import pytest
import torch

from shared.errors import InvalidCheckpoint
from shared.ml.style.checkpoint import pack, unpack


def test_what_is_packed_is_unpacked() -> None:
    given = {"image": torch.rand(1, 3, 4, 5), "transposed": torch.arange(6.0).reshape(2, 3).T}
    numbers = {"cost": 0.1 + 0.2, "first": None, "name": "bfloat16", "step": {"step": 3}}
    tensors, found = unpack(pack(given, numbers))
    assert found == numbers
    assert tensors.keys() == given.keys()
    assert all(torch.equal(tensors[name], given[name]) for name in given)


def test_a_tensor_with_two_names_is_stored_once() -> None:
    image = torch.rand(1, 3, 64, 64)
    state = pack({"pixels": image, "best": image}, {})
    assert len(state) < 1.5 * image.nbytes
    tensors, _ = unpack(state)
    assert torch.equal(tensors["best"], image)
    assert torch.equal(tensors["pixels"], image)


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"no such thing",
        pickle.dumps({"a": 1}),
        pack({}, {})[:-1],
        pack({}, {}).replace(b"numbers", b"numerals", 1),
    ],
    ids=["empty", "text", "pickle", "cut off", "other"],
)
def test_what_is_no_state_is_refused(state: bytes) -> None:
    with pytest.raises(InvalidCheckpoint, match="not the state of a stylisation"):
        unpack(state)
