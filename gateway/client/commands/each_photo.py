"""Photos one after another: a file that is bad is named on standard error and the others go on."""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import typer

from gateway.client import ApiError, Job, JobFailed, JobNotFinished, JobTimeout
from gateway.client.commands.exits import Exit
from gateway.client.commands.session import Session
from gateway.client.documents import Problem

R = TypeVar("R")

OF_THE_FILE = frozenset(
    {
        "body_too_large",
        "corrupt_image",
        "empty_image",
        "image_too_large",
        "image_too_small",
        "invalid_image",
        "unsupported_image",
    }
)
"""Codes of what the gateway refuses because of the photo; any other refusal would meet the next photo too."""


class EachPhoto:
    """What becomes of photos that are asked about in turn.

    Attributes:
        documents: for scripts: what each came to, or the error of a bad file.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._bad = False
        self.documents: list[dict[str, Any]] = []

    def ask(self, photos: Iterable[Path], job_of: Callable[[Path], Job[R]]) -> Iterator[tuple[Path, Job[R]]]:
        """The photos with their jobs, which have succeeded; bad files are named and left out."""
        for photo in photos:
            try:
                job = job_of(photo)
                _ = job.result  # raises when there is none
            except (ApiError, JobFailed, JobNotFinished, JobTimeout, OSError) as error:
                self._leave_out(photo, _problem(error))
            else:
                self.documents.append({"photo": str(photo), **job.document})
                yield photo, job

    def end(self, *, no: bool) -> None:
        """End with the status that says whether all files were good, and then whether the answer is no."""
        if self._bad:
            raise typer.Exit(Exit.ERROR)
        self._session.no(no)

    def _leave_out(self, photo: Path, problem: Problem) -> None:
        self._bad = True
        self.documents.append({"photo": str(photo), "error": problem})
        told = " ".join(f"{photo}: {problem['code']}: {problem['detail']}".split())
        sys.stderr.write(f"likeness: {told}\n")


def _problem(error: Exception) -> Problem:
    """Raises the error itself when it is not of one photo."""
    match error:
        case ApiError(code=code, detail=detail) if code in OF_THE_FILE:
            return Problem(code=code, detail=detail)
        case JobFailed(code=code, detail=detail):
            return Problem(code=code, detail=detail)
        case JobNotFinished() | JobTimeout():
            return Problem(code="not_finished", detail=str(error))
        case OSError(strerror=reason):
            return Problem(code="cannot_read", detail=f"The file cannot be read: {reason or type(error).__name__}.")
        case _:
            raise error
