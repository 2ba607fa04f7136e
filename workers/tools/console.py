"""What the offline commands say: results to stdout, progress and complaints to stderr, one line each."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from shared.ml.face.people import FileProblem

out = Console()
err = Console(stderr=True)


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar, where stderr is a terminal; the callback gets (done, total)."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def list_problems(problems: Sequence[FileProblem]) -> None:
    """Every file that was left out."""
    for problem in problems:
        complain(f"left out: {problem.file}: {problem.reason}")


def complain(message: str) -> None:
    """In one line, as it is: names of files may look like markup."""
    err.print(message, markup=False, highlight=False, soft_wrap=True)
