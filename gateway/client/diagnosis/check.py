"""What `likeness doctor` finds."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    OK = "ok"
    WARNING = "warning"  # it works, and could be better or safer
    FAILED = "failed"
    SKIPPED = "skipped"  # it needs something that is not there


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: what was found, and what to do unless it is all right. Never a secret."""

    name: str
    outcome: Outcome
    found: str
    advice: str | None = None

    @classmethod
    def ok(cls, name: str, found: str) -> "Check":
        return cls(name, Outcome.OK, found)

    @classmethod
    def warning(cls, name: str, found: str, advice: str) -> "Check":
        return cls(name, Outcome.WARNING, found, advice)

    @classmethod
    def failed(cls, name: str, found: str, advice: str) -> "Check":
        return cls(name, Outcome.FAILED, found, advice)

    @classmethod
    def skipped(cls, name: str, found: str, advice: str | None = None) -> "Check":
        return cls(name, Outcome.SKIPPED, found, advice)


Examination = Callable[[], Iterable[Check]]


def examine(examinations: Iterable[tuple[str, Examination]]) -> Iterator[Check]:
    """What each finds; one that breaks is a check that failed, and the others go on."""
    for name, look in examinations:
        try:
            yield from look()
        except Exception as error:  # noqa: BLE001 - a doctor does not faint, nor tell what may hold a secret
            yield Check.failed(name, f"could not be looked at ({type(error).__name__})", "Please report this.")
