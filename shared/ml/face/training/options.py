"""The choices of a training that requests name too. Pure Python: the gateway imports it, and must not load torch."""

from enum import StrEnum


class Mining(StrEnum):
    """Which triplets of a batch to learn from (docs/training.md)."""

    RANDOM = "random"
    SEMI_HARD = "semi-hard"
    BATCH_HARD = "batch-hard"
