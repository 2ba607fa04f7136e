"""The `likeness` command line."""

import signal
import sys
from collections.abc import Sequence

import httpx
import typer
from typer.exceptions import TyperException

from gateway.client import ClientError, ConnectionFailed, RateLimited, ServiceUnavailable
from gateway.client.commands import (
    audit,
    batches,
    doctor,
    faces,
    galleries,
    jobs,
    keys,
    measuring,
    models,
    offline,
    people,
    styles,
    stylize,
    system,
    webhooks,
)
from gateway.client.commands.exits import Exit
from gateway.client.commands.session import NoSystem
from shared.errors import LikenessError

app = typer.Typer(
    help="Faces and style transfer behind one HTTP API. `likeness COMMAND --help` shows each with an example.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for part in (
    system,
    doctor,
    faces,
    people,
    galleries,
    stylize,
    styles,
    jobs,
    batches,
    keys,
    webhooks,
    audit,
    measuring,
    models,
    offline,
):
    part.register(app)


def run(arguments: Sequence[str] | None = None, transport: httpx.BaseTransport | None = None) -> int:
    """The exit status of a command. Errors that were foreseen are one line, not a traceback.

    `transport` takes the place of the network, in tests.
    """
    try:
        status = app(arguments, prog_name="likeness", obj=transport, standalone_mode=False)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else Exit.ERROR
    except typer.Abort:
        return _complain("Nothing was done.", Exit.ERROR)
    except TyperException as error:
        return _correct(error)
    except (ConnectionFailed, RateLimited, ServiceUnavailable, NoSystem) as error:
        return _complain(error, Exit.UNREACHABLE)
    except (LikenessError, ClientError, OSError, UnicodeError) as error:
        return _complain(error, Exit.ERROR)
    return status if isinstance(status, int) else Exit.OK


def _correct(error: TyperException) -> Exit:
    """A wrong usage; its message is empty where the help was shown instead."""
    context: typer.Context | None = getattr(error, "ctx", None)
    command = context.command_path if context else "likeness"
    if said := error.format_message().removesuffix("."):
        _complain(f"{said}. See {command} --help.", Exit.USAGE)
    return Exit.USAGE


def _complain(error: Exception | str, status: Exit) -> Exit:
    sys.stderr.write(f"likeness: {' '.join(str(error).split())}\n")
    return status


def main() -> None:
    """SIGTERM stops what was started, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(run())


if __name__ == "__main__":
    main()
