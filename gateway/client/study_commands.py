"""The `likeness` commands that study style transfer; `python -m workers.tools` has the networks they need."""

import typer

from gateway.client.face_commands import PASS_ON, offline


def register(app: typer.Typer) -> None:
    app.command(name="evaluate-style", context_settings=PASS_ON)(evaluate_style)
    app.command(context_settings=PASS_ON)(visualise)


def evaluate_style(context: typer.Context) -> None:
    """Measure stylised pictures: content cost, Gram cost per layer, SSIM to the content, colour distance."""
    offline("evaluate-style", context.args)


def visualise(context: typer.Context) -> None:
    """Show what the network sees: the patches that activate units most, or what layers keep of a picture."""
    offline("visualise", context.args)
