"""The `likeness` command line."""

import signal
import sys
from collections.abc import Sequence

import httpx
import typer

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
        app(arguments, prog_name="likeness", obj=transport)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else Exit.ERROR
    except (ConnectionFailed, RateLimited, ServiceUnavailable, NoSystem) as error:
        return _complain(error, Exit.UNREACHABLE)
    except (LikenessError, ClientError, OSError, UnicodeError) as error:
        return _complain(error, Exit.ERROR)
    return Exit.OK


def _complain(error: Exception, status: Exit) -> Exit:
    sys.stderr.write(f"likeness: {' '.join(str(error).split())}\n")
    return status


def main() -> None:
    """SIGTERM stops what was started, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(run())


if __name__ == "__main__":
    main()
