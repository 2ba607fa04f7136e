"""What a subject is asked to do. Pure Python: the gateway imports this, and must not load torch or numpy with it."""

import secrets
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise, permutations, product

MIN_FRAMES, MAX_FRAMES = 10, 60


class Action(StrEnum):
    TURN_LEFT = "turn_left"
    TURN_RIGHT = "turn_right"
    COME_CLOSER = "come_closer"
    LOOK_UP = "look_up"

    @property
    def instruction(self) -> str:
        """For the person in front of the camera."""
        return _INSTRUCTIONS[self]


_INSTRUCTIONS = {
    Action.TURN_LEFT: "Turn your head to your left, then look straight ahead again.",
    Action.TURN_RIGHT: "Turn your head to your right, then look straight ahead again.",
    Action.COME_CLOSER: "Come closer to the camera, then move back.",
    Action.LOOK_UP: "Raise your chin and look up, then look straight ahead again.",
}


@dataclass(frozen=True)
class Challenge:
    """What the subject is asked to do, after he has looked into the camera."""

    actions: tuple[Action, ...]

    @classmethod
    def random(cls) -> "Challenge":
        """One of SURE three times of four, else one of WITH_LOOK_UP. Each has a turn, which a photo cannot do."""
        return cls(secrets.choice(WITH_LOOK_UP if secrets.randbelow(4) == 0 else SURE))


# Four of the movements that are seen best, none twice in a row: 24 orders.
SURE = tuple(
    order
    for order in product((Action.TURN_LEFT, Action.TURN_RIGHT, Action.COME_CLOSER), repeat=4)
    if all(a is not b for a, b in pairwise(order))
)
# Three of all four, one of them the raised chin, of which the detector sees little (docs/accuracy.md): 18 orders.
WITH_LOOK_UP = tuple(order for order in permutations(Action, 3) if Action.LOOK_UP in order)
