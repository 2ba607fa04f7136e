"""The `likeness` commands that start and stop a whole system on this machine."""

import shlex
import signal
import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gateway.client.commands import parts
from gateway.client.commands.exits import Exit
from gateway.client.commands.session import settings_here
from gateway.client.demo.run import run_demo
from gateway.client.demo.script import DEMO
from shared.embedded.info import StackInfo
from shared.settings import load_settings

console = Console()

PROJECT = Path(__file__).resolve().parents[3]
Home = Annotated[Path, typer.Option(help="folder of the stack: data, logs, stack.json")]


def register(app: typer.Typer) -> None:
    for command in (up, down, demo, config):
        app.command()(command)


def up(
    home: Home = Path(".likeness"),
    port: Annotated[int | None, typer.Option(help="the gateway's port; a free one by default")] = None,
    face_workers: Annotated[int, typer.Option(min=1, help="face worker processes")] = 1,
) -> None:
    """Start the whole system on this machine and stay in the foreground; Ctrl-C stops it."""
    parts.require(*parts.SYSTEM)
    from shared.embedded.stack import Stack

    stack = Stack(home, port=port, face_workers=face_workers)
    with console.status("starting") as status:
        info = stack.up(status.update)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        _introduce(info, stack.home)
        ended.wait()
    finally:
        with console.status("stopping: jobs under way are finished or given back"):
            stack.down()
    console.print("Stopped. Data is kept in", str(stack.home))


def down(home: Home = Path(".likeness")) -> None:
    """Stop the system that `likeness up` started in this folder."""
    parts.require("embedded")
    from shared.embedded.stack import stop

    console.print("Stopped." if stop(home.resolve()) else "Nothing runs here.")


def demo(
    output: Annotated[Path, typer.Option(help="where results are written")] = Path("demo-output"),
    home: Annotated[Path, typer.Option(help="folder in which the demo makes `demo`, anew, for its own system")] = Path(
        ".likeness"
    ),
) -> None:
    """Enrol, verify, recognise and stylise sample photos through the HTTP API.

    Exits with 1 when an answer is not the expected one.
    """
    parts.require(*parts.SYSTEM)
    from shared.embedded.stack import Stack

    stack = Stack(home / "demo")
    with console.status("starting") as status:
        stack.erase()
        info = stack.up(status.update)
    try:
        ok = run_demo(
            info,
            DEMO,
            photos=PROJECT / "tests/data/faces",
            paintings=PROJECT / "shared/style_library",
            output=output,
            console=console,
        )
    finally:
        with console.status("stopping"):
            stack.down()
    console.print(f"Results: {output}/contact-sheet.png, {output}/report.json")
    if not ok:
        console.print("[bold red]Some answers are not the expected ones.[/]")
        raise typer.Exit(Exit.ERROR)


def config() -> None:
    """Print the configuration of this environment, else of the system that runs here, as JSON; secrets masked."""
    console.print_json((settings_here() or load_settings()).model_dump_json())


def _introduce(info: StackInfo, home: Path) -> None:
    console.print(f"\n[bold]Likeness[/] is ready: [link]{info.url}[/]")
    console.print(f"  console   {info.url}/console")
    console.print(f"  API       {info.url}/docs")
    console.print(f"  API key   {info.api_key} (also in {home}/api-key)", soft_wrap=True)
    console.print(f"  details   {home}/stack.json", soft_wrap=True)
    console.print(f"  logs      {home}/logs\n", soft_wrap=True)
    token = f"$(cat {shlex.quote(str(home / 'api-key'))})"
    console.print(f'  curl -H "Authorization: Bearer {token}" {info.url}/v1/styles\n', soft_wrap=True, markup=False)
    console.print("Ctrl-C or `make down` stops it; `likeness doctor` looks after its health.")
