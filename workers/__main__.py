"""Run a worker: `python -m workers face|style|style-bulk|webhooks|housekeeping`."""

import argparse
import sys

from shared import logs
from shared.errors import LikenessError
from shared.settings import load_settings
from workers.app import Role, run
from workers.services import connect_services


def main() -> int:
    """Consume jobs until SIGTERM (finishes what is under way) or SIGINT."""
    parser = argparse.ArgumentParser(
        prog="python -m workers", description=main.__doc__, epilog="Configuration: see .env.example"
    )
    parser.add_argument("role", type=Role, choices=list(Role), metavar="|".join(Role))
    role: Role = parser.parse_args().role
    try:
        settings = load_settings()
        logs.configure(settings)
        return run(role, connect_services(settings))
    except LikenessError as error:
        sys.stderr.write(f"{role} worker: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
