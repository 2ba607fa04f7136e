"""Pages of measured sections: each is written as soon as it is measured, the others stay as they were."""

import argparse
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import machine

_MARK = "<!-- section: {} -->"


@dataclass(frozen=True)
class Page:
    """Where the sections are written, below an introduction, each with the machine it was measured on.

    Attributes:
        file: the page, Markdown.
        introduction: its beginning.
        packages: whose versions the figures depend on.
    """

    file: Path
    introduction: str
    packages: Sequence[str]

    def measure(self, sections: Mapping[str, Callable[[], str]], chosen: Sequence[str] = ()) -> None:
        """Measure the chosen sections, all when none is named, in turn."""
        for name in chosen or sections:
            text = sections[name]().strip()
            written = self._written() | {name: f"{text}\n\n*{machine.describe(self.packages)}*"}
            parts = [f"{_MARK.format(name)}\n\n{written[name]}\n" for name in sections if name in written]
            self.file.write_text("\n".join([self.introduction, *parts]))
            sys.stdout.write(f"{text}\n\n{name}: written to {self.file}\n")
            sys.stdout.flush()

    def _written(self) -> dict[str, str]:
        """The sections that the page has."""
        if not self.file.exists():
            return {}
        _, *rest = re.split(_MARK.format("([a-z-]+)"), self.file.read_text())
        return {name: text.strip() for name, text in zip(rest[::2], rest[1::2], strict=True)}


def choose(parser: argparse.ArgumentParser, sections: Mapping[str, object]) -> argparse.Namespace:
    """The command line, with the names of the sections that are asked for as `sections`."""
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(sections)} (default: all)")
    options = parser.parse_args()
    if unknown := set(options.sections) - set(sections):
        parser.error(f"no section {', '.join(sorted(unknown))}: choose from {', '.join(sections)}")
    return options
