"""How the commands reach a running system, and what they make of its answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.client.api import ApiError, Client
from shared.embedded.stack import read_info
from shared.errors import ConfigurationError

Url = Annotated[str | None, typer.Option(envvar="LIKENESS_URL", help="the API; default: the stack in .likeness")]
Key = Annotated[str | None, typer.Option(envvar="LIKENESS_API_KEY", help="API key; default: that stack's")]
GalleryOption = Annotated[str, typer.Option("--gallery", "-g", help="a gallery of the running system")]


@contextmanager
def connected(url: str | None, key: str | None) -> Iterator[Client]:
    """A client of the named system, or of the one that `likeness up` started here."""
    if url is None or key is None:
        info = read_info(Path(".likeness"))
        if info is None:
            raise ConfigurationError("No system runs here: start one (likeness up), or name --url and --key.")
        if not info.api_key:
            raise ConfigurationError("The system that runs here is still starting: try again in a moment.")
        url, key = url or info.url, key or info.api_key
    with Client(url, key) as client:
        yield client


def succeeded(job: dict[str, Any]) -> dict[str, Any]:
    if job["status"] == "succeeded":
        return job
    error = job.get("error") or {"code": job["status"], "detail": "the job did not succeed"}
    raise ApiError(200, error["code"], error["detail"])
