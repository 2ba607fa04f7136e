"""What a subject is asked to do. Pure Python: the gateway imports this, and must not load torch or numpy with it."""

import secrets
from dataclasses import dataclass
from enum import StrEnum

MIN_FRAMES, MAX_FRAMES = 10, 60
CHALLENGE_LENGTH = 3


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
        """One of 24 orders. No action twice: of any three of the four one is a turn, which a photo cannot do."""
        return cls(tuple(secrets.SystemRandom().sample(list(Action), CHALLENGE_LENGTH)))
