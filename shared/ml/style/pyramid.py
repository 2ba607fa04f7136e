"""Coarse to fine: the picture is painted small first, where a step costs little, then larger and larger.

As in crowsonkb/style-transfer-pytorch, which goes up by the square root of 2. What carries over besides the picture is
the descent's to say (descent.py). Pure Python.
"""

from dataclasses import dataclass

COARSEST = 256  # px: what the long side of the coarsest level is below, if the levels are chosen by size
MIN_SIDE = 32  # px: no level has a shorter side below this, if it is not the picture itself
STEPS_RATIO = 0.5  # of a level's steps to those of the next coarser one


@dataclass(frozen=True)
class Level:
    height: int
    width: int
    steps: int

    @property
    def pixels(self) -> int:
        return self.height * self.width


def levels(height: int, width: int, *, count: int | None, steps: int) -> list[Level]:
    """The sizes from coarse to fine, and how `steps` are divided between them: at least one each."""
    sizes = [(height, width)]
    while _goes_on(sizes[-1], len(sizes), count) and len(sizes) < steps:
        smaller = round(height / 2 ** len(sizes)), round(width / 2 ** len(sizes))
        if min(smaller) < MIN_SIDE:
            break
        sizes.append(smaller)
    sizes.reverse()
    return [Level(*size, part) for size, part in zip(sizes, _divided(steps, len(sizes)), strict=True)]


def _goes_on(size: tuple[int, int], found: int, count: int | None) -> bool:
    return max(size) >= COARSEST if count is None else found < count


def _divided(steps: int, parts: int) -> list[int]:
    """One each, and the others falling by STEPS_RATIO."""
    weights = [STEPS_RATIO**number for number in range(parts)]
    fine = [1 + int((steps - parts) * weight / sum(weights)) for weight in weights[1:]]
    return [steps - sum(fine), *fine]
