"""A run's state as bytes: tensors and numbers in one safetensors file, which cannot carry code as a pickle can."""

import json
from collections.abc import Mapping
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from shared.errors import InvalidCheckpoint

_NUMBERS = "numbers"  # the tensor of bytes that holds them, and the names of what is stored under another, as JSON


def pack(tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> bytes:
    """`numbers` is anything that JSON can say. A tensor that has several names is stored once."""
    stored: dict[str, Tensor] = {}
    names: dict[int, str] = {}
    same: dict[str, str] = {}
    for name, tensor in tensors.items():
        first = names.setdefault(tensor.data_ptr(), name)
        if first == name:
            stored[name] = tensor.cpu().contiguous()
        else:
            same[name] = first
    text = bytearray(json.dumps({"numbers": numbers, "same": same}), "utf-8")
    return safetensors.torch.save({_NUMBERS: torch.frombuffer(text, dtype=torch.uint8), **stored})


def unpack(state: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Raises InvalidCheckpoint when it is damaged."""
    try:
        tensors = safetensors.torch.load(state)
        text = json.loads(bytes(tensors.pop(_NUMBERS).tolist()))
        numbers: dict[str, Any] = text["numbers"]
        return tensors | {name: tensors[first] for name, first in text["same"].items()}, numbers
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise InvalidCheckpoint("that is not the state of a stylisation; start it afresh") from error
