"""A command's connection to a running system, and how it answers: the options --url, --key and --json."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar

import httpx
import typer

from gateway.client import Client, Job, Retries
from gateway.client.commands import output
from gateway.client.commands.exits import Exit
from shared.embedded.info import read_info, read_processes
from shared.errors import ConfigurationError, LikenessError
from shared.settings import Settings, load_settings, names_servers

P = ParamSpec("P")
T = TypeVar("T")

STACK = Path(".likeness")
HASTY = Retries(attempts=1)

Url = Annotated[
    str | None, typer.Option("--url", envvar="LIKENESS_URL", help="the API; default: the stack in .likeness")
]
Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        envvar="LIKENESS_API_KEY",
        show_envvar=True,
        help="API key, or @FILE that holds it; default: that stack's. Others on this machine can see what is typed "
        "here: use the variable or the file",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON document on standard output, nothing else")]


class NoSystem(LikenessError):
    """Nothing to talk to."""


@dataclass(frozen=True)
class Session:
    client: Client
    as_json: bool

    def give(self, document: object, sentence: str) -> None:
        """The document for scripts, the sentence for people."""
        if self.as_json:
            output.write_json(document)
        else:
            output.say(sentence)

    def fields(self, document: Mapping[str, Any]) -> None:
        if self.as_json:
            output.write_json(document)
        else:
            output.write_fields(document)

    def table(self, documents: Iterable[Mapping[str, Any]], columns: Mapping[str, output.Column]) -> None:
        if self.as_json:
            output.write_json(list(documents))
        else:
            output.write_table(documents, columns)

    def follow(self, job: Job[T]) -> Job[T]:
        """The finished job; its progress is shown meanwhile."""
        with output.bar("queued", quiet=self.as_json) as update:
            for event in job.follow():
                if event.event == "progress" and "done" in event.data:
                    now = event.data
                    update(description=output.told(now), completed=now["done"], total=now["total"])
        return job

    def no(self, is_no: bool = True) -> None:
        """End with the status that says so if the answer is no."""
        if is_no:
            raise typer.Exit(Exit.NO)


def reachable(url: str | None, key: str | None) -> tuple[str, str]:
    """Where the API is and the key for it: what is named, or the system that `likeness up` started here.

    Raises:
        NoSystem: none is named, or without its key, and none runs here.
    """
    if key is not None and key.startswith("@"):
        key = Path(key[1:]).read_text().strip()
    if url is not None and key is not None:
        return url, key
    info = read_info(STACK)
    if url is not None and (info is None or url.rstrip("/") != info.url):  # its key is for no other system
        raise NoSystem(f"Set LIKENESS_API_KEY to a key of {url}.")
    if info is None and read_processes(STACK):
        raise NoSystem("The system that runs here is still starting: try again in a moment.")
    if info is None:
        missing = "LIKENESS_URL" + (" and LIKENESS_API_KEY" if key is None else "")
        raise NoSystem(f"No system runs here: start one (likeness up), or set {missing}.")
    return url or info.url, key or info.api_key


def settings_here() -> Settings | None:
    """Of the environment, else of the system that runs here; None when there is neither.

    Raises:
        ConfigurationError: the environment has some, and they are wrong.
    """
    try:
        return load_settings()
    except ConfigurationError:
        if info := read_info(STACK):
            return load_settings(redis={"url": info.redis}, s3=asdict(info.s3))
        if names_servers():
            raise
        return None


@contextmanager
def connected(
    context: typer.Context, url: str | None, key: str | None, retries: Retries | None = None
) -> Iterator[Client]:
    """A client of the named system, or of the one that runs here. A test puts a transport into the context."""
    transport = context.find_object(httpx.BaseTransport)
    try:
        client = Client(*reachable(url, key), retries=retries, transport=transport)
    except (httpx.InvalidURL, UnicodeEncodeError) as error:
        raise NoSystem(f"The URL or the key cannot be right ({error}).") from None
    with client:
        yield client


def online(command: Callable[Concatenate[Session, P], None]) -> Callable[..., None]:
    """Give a command its session, and the options that make one."""
    own = inspect.signature(command, eval_str=True)
    kind = inspect.Parameter.KEYWORD_ONLY
    session = [
        inspect.Parameter("as_json", kind, default=False, annotation=AsJson),
        inspect.Parameter("url", kind, default=None, annotation=Url),
        inspect.Parameter("key", kind, default=None, annotation=Key),
        inspect.Parameter("context", kind, annotation=typer.Context),
    ]

    @wraps(command)
    def connect(*, context: typer.Context, url: str | None, key: str | None, as_json: bool, **options: Any) -> None:
        with connected(context, url, key) as client:
            command(Session(client, as_json), **options)  # type: ignore[call-arg] # as the signature below says

    parameters = [*own.parameters.values()][1:]
    connect.__signature__ = own.replace(parameters=[*parameters, *session])  # type: ignore[attr-defined]
    connect.__annotations__ = {one.name: one.annotation for one in [*parameters, *session]}
    return connect


def galleries_like(context: typer.Context, incomplete: str) -> list[str]:
    """The names of galleries that begin so, for the shell's completion; none when no system answers quickly."""
    try:
        with connected(context, context.params.get("url"), context.params.get("key"), HASTY) as client:
            found = client.with_options(timeout=1).galleries.list()
    except Exception:  # noqa: BLE001 - a shell that completes must not be written to
        return []
    return [gallery["id"] for gallery in found if gallery["id"].startswith(incomplete)]


GalleryOption = Annotated[
    str, typer.Option("--gallery", "-g", help="a gallery of the running system", autocompletion=galleries_like)
]
GalleryName = Annotated[str, typer.Argument(metavar="GALLERY", autocompletion=galleries_like)]
