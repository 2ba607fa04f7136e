"""`likeness doctor`: what is wrong, and what to do."""

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import typer

from gateway.client.commands import output, parts
from gateway.client.commands.exits import Exit
from gateway.client.commands.session import STACK, AsJson, Key, NoSystem, Url, reachable, settings_here
from gateway.client.diagnosis import machine, service
from gateway.client.diagnosis.check import Check, Examination, Outcome, examine
from shared.errors import ConfigurationError
from shared.settings import load_settings

CONSTRAINTS = Path(__file__).resolve().parents[3] / "constraints.txt"
NOWHERE: dict[str, Any] = {  # for what else the environment says
    "redis": {"url": "redis://nowhere"},
    "s3": {"endpoint": "nowhere", "access_key": "none", "secret_key": "none"},
}
STYLES = {Outcome.OK: "green", Outcome.WARNING: "yellow", Outcome.FAILED: "bold red", Outcome.SKIPPED: "dim"}


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(context: typer.Context, as_json: AsJson = False, url: Url = None, key: Key = None) -> None:
    """Look at this machine and at the system that runs here or that is named; say what is wrong and what to do.

    Redis and the object store are those of the settings (LIKENESS_REDIS__URL, …), else of the system that
    `likeness up` started here. Exits with 1 when a check failed. Secrets are never printed.
    """
    transport = context.find_object(httpx.BaseTransport)
    found = []
    with output.notes.status("looking"):
        for check in examine([*_machine(), *_servers(), *_service(url, key, transport)]):
            found.append(check)
            if not as_json:
                _tell(check)
    failed = [check for check in found if check.outcome is Outcome.FAILED]
    if as_json:
        output.write_json({"healthy": not failed, "checks": [asdict(check) for check in found]})
    else:
        output.say(f"{len(failed)} of {len(found)} checks failed." if failed else "Nothing is broken.")
    if failed:
        raise typer.Exit(Exit.ERROR)


def _machine() -> Iterator[tuple[str, Examination]]:
    yield "python", machine.python
    yield "packages", partial(machine.packages, CONSTRAINTS)
    yield "memory", machine.memory
    yield "disk", partial(machine.disk, STACK if STACK.is_dir() else Path())
    try:
        settings = settings_here() or load_settings(**NOWHERE)
    except ConfigurationError:
        return  # the next checks say so
    if not parts.installed("workers"):
        check = Check.skipped("models", "no worker can run here: its packages are not installed")
        yield "models", lambda: [check]
        return
    yield "models", partial(machine.compute, settings.device.value, settings.weights_cache)


def _servers() -> Iterator[tuple[str, Examination]]:
    # takes as long to load as all else together, and every command and every Tab would wait for it
    from gateway.client.diagnosis import servers

    try:
        settings = settings_here()
    except ConfigurationError as error:
        check = Check.failed("settings", str(error), "Correct the variables; .env.example says what each means.")
        yield "settings", lambda: [check]
        return
    if settings is None:
        advice = "Start a system here (likeness up), or set LIKENESS_REDIS__URL and LIKENESS_S3__… to look at one."
        yield "servers", lambda: [Check.skipped("servers", "no system runs here, and no settings name one", advice)]
        return
    yield "redis", partial(servers.redis_server, settings.redis)
    yield "object store", lambda: servers.object_store(servers.store_of(settings))
    yield "queues", partial(servers.queues, settings)


def _service(
    url: str | None, key: str | None, transport: httpx.BaseTransport | None
) -> Iterator[tuple[str, Examination]]:
    try:
        named = reachable(url, key)
    except (NoSystem, OSError) as error:
        check = Check.skipped("gateway", str(error))
        yield "gateway", lambda: [check]
        return
    yield "gateway", partial(service.gateway, *named, transport)


def _tell(check: Check) -> None:
    output.out.print(f"{check.outcome.value:8}", style=STYLES[check.outcome], end="")
    output.out.print(f" {check.name}: {check.found}", soft_wrap=True)
    if check.advice:
        output.out.print(f"         {check.advice}", soft_wrap=True)
