"""Closed choices that several messages share."""

from enum import StrEnum


class LivenessRequirement(StrEnum):
    """What must have shown that a probe's face is a living person's; each is stricter than the one before it.

    none: nothing, and it is not looked at. report: looked at and told, but decides nothing. passive: the
    photo by itself must look alive. active: a liveness session must have been passed with the same face.
    """

    NONE = "none"
    REPORT = "report"
    PASSIVE = "passive"
    ACTIVE = "active"

    def or_stricter(self, other: "LivenessRequirement") -> "LivenessRequirement":
        order = list(LivenessRequirement)
        return max(self, other, key=order.index)


class LivenessState(StrEnum):
    """Of a session: its frames are awaited, being checked, or have passed or failed; used: it proved something."""

    OPEN = "open"
    CHECKING = "checking"
    PASSED = "passed"
    FAILED = "failed"
    USED = "used"


class PassiveStatus(StrEnum):
    LIVE = "live"
    SPOOF_SUSPECTED = "spoof_suspected"
    UNAVAILABLE = "unavailable"


class StyleMode(StrEnum):
    FAST = "fast"
    FINE = "fine"


class Priority(StrEnum):
    INTERACTIVE = "interactive"
    BULK = "bulk"
