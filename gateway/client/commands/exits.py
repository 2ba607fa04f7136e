"""What the exit status of a command says; docs/cli.md tells the users."""

from enum import IntEnum


class Exit(IntEnum):
    OK = 0
    ERROR = 1  # something was refused, or failed
    USAGE = 2  # typer's own
    NO = 3  # it worked, and the answer is no: no_match, not_recognised, denied, not taken
    UNREACHABLE = 4  # no system answers, or it says to come back later
    INTERRUPTED = 130  # as shells say it
