"""Run the gateway: `python -m gateway --host 127.0.0.1 --port 8000`. Settings: see .env.example."""

import argparse
import sys
from functools import partial

from gateway import wsgi
from gateway.server import Server
from shared import logs
from shared.errors import LikenessError
from shared.settings import load_settings


def main() -> int:
    """Serve until SIGTERM, which lets requests under way finish."""
    parser = argparse.ArgumentParser(prog="python -m gateway", description=main.__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on (%(default)s)")
    parser.add_argument(
        "--threads", type=int, default=96, help="more than event streams and waiting requests together (%(default)s)"
    )
    arguments = parser.parse_args()
    try:
        settings = load_settings()
        logs.configure(settings)
        wsgi.prepare(settings)
    except LikenessError as error:
        sys.stderr.write(f"gateway: {error}\n")
        return 1
    build = partial(wsgi.build, settings)
    Server(build, host=arguments.host, port=arguments.port, threads=arguments.threads).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
