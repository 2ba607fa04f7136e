"""What the commands print: documents for scripts, tables and bars for people.

Standard output has the answer and nothing else; progress and notes go to standard error, and only to a terminal.
A table that is not read on a terminal is lines of tab-separated values, for `cut` and `awk`.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

Column = str | Callable[[Any], object]
"""Of a table of documents: the member it shows, or what it makes of a document."""

# names of files and words of others are printed as they are
out = Console(markup=False, emoji=False, highlight=False)
notes = Console(markup=False, emoji=False, highlight=False, stderr=True)


def say(text: str) -> None:
    out.print(text, soft_wrap=True)


def note(text: str) -> None:
    """For people only; on standard error."""
    notes.print(text, soft_wrap=True)


def write_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_line(value: object) -> None:
    """One of several documents, each in a line."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def write_table(documents: Iterable[Mapping[str, Any]], columns: Mapping[str, Column]) -> None:
    """A row for each document; nothing is cut off, for an id that is could not be copied."""
    rows = ([cell(_of(document, column)) for column in columns.values()] for document in documents)
    if not out.is_terminal:
        for row in rows:
            _write_row(row)
        return
    shown = list(rows)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, name in enumerate(columns):
        # the first one is an id: if it were broken it could not be copied
        width = max((len(row[0]) for row in shown), default=0) if number == 0 else None
        table.add_column(name, overflow="fold", min_width=width)
    for row in shown:
        table.add_row(*row)
    out.print(table)


def _write_row(cells: Iterable[str]) -> None:
    sys.stdout.write("\t".join(" ".join(text.split()) for text in cells) + "\n")


def write_fields(document: Mapping[str, Any]) -> None:
    """Each member that says something, in a line."""
    shown = {name: cell(value) for name, value in document.items() if value not in (None, [], {}) and name != "links"}
    if not out.is_terminal:
        for name, text in shown.items():
            _write_row((name, text))
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, text in shown.items():
        table.add_row(name, text)
    out.print(table)


def cell(value: object) -> str:
    """How a value is shown to people."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(cell(one) for one in value)
        case dict():
            return ", ".join(f"{name} {cell(one)}" for name, one in value.items() if one is not None)
        case float():
            return f"{value:.4g}"
        case _:
            return str(value)


def moment(name: str) -> Callable[[Mapping[str, Any]], str]:
    """A column that shows a time to the minute."""
    return lambda document: str(document.get(name) or "")[:16].replace("T", " ")


def _of(document: Mapping[str, Any], column: Column) -> object:
    return document.get(column) if isinstance(column, str) else column(document)


@contextmanager
def bar(description: str, total: float | None = None, *, quiet: bool = False) -> Iterator[Callable[..., None]]:
    """A progress bar, gone at the end; what is yielded updates it as `Progress.update` does."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"))
    hidden = quiet or not notes.is_terminal
    with Progress(*columns, console=notes, transient=True, disable=hidden) as bars:
        task = bars.add_task(description, total=total, note="")

        def update(**changes: Any) -> None:
            bars.update(task, **changes)

        yield update


def told(progress: Mapping[str, Any]) -> str:
    """A stage with its cost and the time that is left, where they are known."""
    parts = [str(progress.get("stage", "working"))]
    if progress.get("cost") is not None:
        parts.append(f"cost {progress['cost']:.3g}")
    if progress.get("eta_seconds") is not None:
        parts.append(f"{duration(progress['eta_seconds'])} left")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
