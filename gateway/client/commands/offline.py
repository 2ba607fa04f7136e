"""The `likeness` commands that work on files of this machine; `python -m workers.tools` has the models they need."""

import os
import sys
from collections.abc import Iterable
from typing import NoReturn

import typer

from gateway.client.commands import parts

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def register(app: typer.Typer) -> None:
    for command in (evaluate, train, evaluate_liveness, evaluate_style, visualise):
        app.command(name=command.__name__.replace("_", "-"), context_settings=PASS_ON)(command)


def evaluate(context: typer.Context) -> None:
    """Measure a face model on a folder of people: 1:1 and 1:K, with intervals, curves and the worst errors."""
    offline("evaluate", context.args)


def train(context: typer.Context) -> None:
    """Fine-tune a face model on a folder of people."""
    offline("train", context.args)


def evaluate_liveness(context: typer.Context) -> None:
    """Measure passive liveness on folders of real faces and of attacks: APCER per species, BPCER."""
    offline("evaluate-liveness", context.args)


def evaluate_style(context: typer.Context) -> None:
    """Measure stylised pictures: content cost, Gram cost per layer, SSIM to the content, colour distance."""
    offline("evaluate-style", context.args)


def visualise(context: typer.Context) -> None:
    """Show what the network sees: the patches that activate units most, or what layers keep of a picture."""
    offline("visualise", context.args)


def offline(command: str, arguments: Iterable[str]) -> NoReturn:
    """Become the command that has the models."""
    parts.require("workers")
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "workers.tools", command, *arguments])  # noqa: S606 - no shell is meant
