"""The offline commands: `python -m workers.tools COMMAND`, with no service running."""

import sys

import typer

from shared.errors import LikenessError
from workers.tools.calibrate import calibrate
from workers.tools.console import complain
from workers.tools.evaluate import evaluate
from workers.tools.evaluate_liveness import evaluate_liveness
from workers.tools.evaluate_style import evaluate_style
from workers.tools.machine import machine
from workers.tools.train import train
from workers.tools.visualise import visualise

app = typer.Typer(
    help="Measure, calibrate and train face models on folders of photos; measure and look into style transfer.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(evaluate)
app.command()(calibrate)
app.command()(evaluate_liveness)
app.command()(train)
app.command()(evaluate_style)
app.command()(visualise)
app.command(hidden=True)(machine)


def main() -> int:
    """Run a command. An error is one line and exit code 1, a wrong usage 2."""
    try:
        app(prog_name="likeness")  # whose commands these are; it hands over to this process
    except (LikenessError, OSError) as error:
        complain(f"error: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
