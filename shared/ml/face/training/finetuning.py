"""SFace, with the part of it that a small set of photos can teach set free.

The published network has seen far more people than a fine-tuning set holds, so by default only its end learns.
Its batch normalisations are folded into the layers beside them (shared/ml/face/sface.py): their statistics are
constants, as fine-tuning on small batches wants them anyway.
"""

from enum import StrEnum

import torch
from torch import nn

from shared.ml.face.sface import SFace

_LAST_BLOCK = 2  # a depthwise and a pointwise convolution


class Unfreeze(StrEnum):
    HEAD = "head"  # the linear layer over the last map: 6.4 of 9.6 million parameters
    LAST = "last"  # and the last depthwise-separable block
    ALL = "all"


def trainable_sface(state: dict[str, torch.Tensor], unfreeze: Unfreeze) -> SFace:
    """A float32 network with the parameters that shall learn requiring a gradient, and no others."""
    network = SFace()
    network.load_state_dict(state)
    match unfreeze:
        case Unfreeze.HEAD:
            free: list[nn.Module] = [network.head]
        case Unfreeze.LAST:
            free = [network.features[-_LAST_BLOCK:], network.head]
        case Unfreeze.ALL:
            free = [network]
    network.requires_grad_(False)
    for part in free:
        part.requires_grad_(True)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]  # torch's stubs lack it
