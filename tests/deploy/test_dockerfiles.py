"""The images' recipes: linted, pinned, unprivileged, and starting what the rest of the system expects."""

import json
import re
import subprocess
import sysconfig
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from pydantic.fields import FieldInfo

from workers.app import Role

DOCKERFILES = ("gateway/Dockerfile", "workers/Dockerfile")

Instruction = tuple[str, str]  # ("RUN", "pip install ...")


def instructions(path: Path) -> Sequence[Instruction]:
    lines = [line for line in path.read_text().splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines())]


def last_stage(path: Path) -> Sequence[Instruction]:
    """The stage that becomes the image: from its FROM of a base image on."""
    every = instructions(path)
    start = max(n for n, step in enumerate(every) if step[0] == "FROM" and step[1].startswith("${PYTHON_IMAGE}"))
    return every[start:]


def argument(steps: Sequence[Instruction], word: str) -> str:
    found = [rest for name, rest in steps if name == word]
    assert len(found) == 1, f"expected one {word}, found {found}"
    return found[0]


@pytest.fixture(params=DOCKERFILES)
def dockerfile(request: pytest.FixtureRequest, root: Path) -> Path:
    return root / str(request.param)


def test_hadolint_has_nothing_to_say(dockerfile: Path) -> None:
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"
    done = subprocess.run([hadolint, dockerfile], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_base_image_is_pinned_to_a_patch_release(dockerfile: Path) -> None:
    steps = instructions(dockerfile)
    default = next(rest for word, rest in steps if word == "ARG" and rest.startswith("PYTHON_IMAGE="))
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.11\.\d+-slim-[a-z]+", default)
    stages = {rest.split(" AS ")[1] for word, rest in steps if word == "FROM" and " AS " in rest}
    for word, rest in steps:
        if word == "FROM":
            origin = rest.split(" AS ")[0]
            assert origin in {"${PYTHON_IMAGE}", "runtime-${DEVICE}", *stages}


def test_the_process_is_not_root_and_has_a_fixed_uid(dockerfile: Path) -> None:
    assert argument(last_stage(dockerfile), "USER") == "10001:10001"


def test_the_image_installs_nothing_and_has_no_installer(dockerfile: Path) -> None:
    runs = " ".join(rest for word, rest in last_stage(dockerfile) if word == "RUN")
    assert "pip uninstall --yes" in runs
    assert not re.search(r"pip[^&;]* install |apt-get|curl|wget", runs)


def test_every_install_is_held_to_the_constraints(dockerfile: Path) -> None:
    runs = " && ".join(rest for word, rest in instructions(dockerfile) if word == "RUN")
    installs = [part for part in re.split(r"&&|;", runs) if re.search(r"\bpip\b.* install ", part)]
    assert installs
    for install in installs:
        assert "-c constraints.txt" in install or "--no-deps --force-reinstall ." in install


def test_it_starts_the_entry_point_in_exec_form(dockerfile: Path, entry_points: Mapping[str, Sequence[str]]) -> None:
    steps = last_stage(dockerfile)
    name = "gateway" if dockerfile.parent.name == "gateway" else "face-worker"
    assert json.loads(argument(steps, "CMD")) == entry_points[name]
    assert argument(steps, "STOPSIGNAL") == "SIGTERM"


def test_the_entry_points_exist(root: Path, entry_points: Mapping[str, Sequence[str]]) -> None:
    for command in entry_points.values():
        assert (root / command[2] / "__main__.py").exists(), command
    roles = {command[3] for name, command in entry_points.items() if name != "gateway"}
    assert roles == set(Role)


def test_output_is_unbuffered_and_every_setting_exists(dockerfile: Path, settings: Mapping[str, FieldInfo]) -> None:
    environment = " ".join(rest for word, rest in instructions(dockerfile) if word == "ENV")
    assert "PYTHONUNBUFFERED=1" in environment
    assert set(re.findall(r"\bLIKENESS_\w+", environment)) <= set(settings)


def test_what_it_copies_exists_and_is_let_through(dockerfile: Path, root: Path) -> None:
    """.dockerignore lets through only what it names, so neither .env nor photos get into an image."""
    rules = [line for line in (root / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    assert not any(name.startswith(".") or name in {"tests", "docs", "k8s"} for name in allowed)
    for word, rest in instructions(dockerfile):
        if word == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (root / source).exists(), source
                assert Path(source).parts[0] in allowed, source


def test_the_gateway_has_no_torch(root: Path) -> None:
    text = "\n".join(f"{word} {rest}" for word, rest in instructions(root / "gateway/Dockerfile"))
    assert "torch" not in text
    assert "workers" not in text
    assert re.findall(r"'\.\[(\w+)\]'", text) == ["gateway"]
    with (root / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["gateway"]
    assert not {"torch", "torchvision", "numpy"} & {re.split(r"[\[<>=~ ]", name)[0] for name in wanted}


def test_the_worker_is_built_for_the_cpu_or_for_cuda(root: Path) -> None:
    steps = instructions(root / "workers/Dockerfile")
    assert ("ARG", "DEVICE=cpu") in steps
    assert ("ARG", "TORCH_INDEX_URL") in steps  # no default: an index is the builder's choice
    assert steps[-1] == ("FROM", "runtime-${DEVICE}")
    cuda = steps.index(("FROM", "runtime AS runtime-cuda"))
    assert ("FROM", "runtime AS runtime-cpu") in steps
    assert "NVIDIA_VISIBLE_DEVICES=all" in steps[cuda + 1][1]


def test_the_worker_finds_its_weights_in_the_image(root: Path) -> None:
    steps = instructions(root / "workers/Dockerfile")
    fetch = next(rest for word, rest in steps if word == "RUN" and "shared.ml.weights" in rest)
    cache = re.search(r"--cache-dir (\S+)", fetch)
    assert cache
    assert ("COPY", f"--from=weights {cache[1]} {cache[1]}") in steps
    assert f"LIKENESS_WEIGHTS_CACHE={cache[1]}" in argument(last_stage(root / "workers/Dockerfile")[:-4], "ENV")
    assert f"chmod -R a+rX {cache[1]}" in fetch  # the converted files are written for their owner alone


class _Health(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def health_server() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), _Health) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_gateways_health_check_tells_health(
    root: Path, health_server: HTTPServer, monkeypatch: pytest.MonkeyPatch, status: int, healthy: bool
) -> None:
    monkeypatch.setattr(_Health, "status", status)
    check = argument(last_stage(root / "gateway/Dockerfile"), "HEALTHCHECK")
    command: Sequence[str] = json.loads(check[check.index("[") :])
    command = [word.replace(":8000/", f":{health_server.server_port}/") for word in command]
    done = subprocess.run(command, capture_output=True, check=False, timeout=10)
    assert (done.returncode == 0) is healthy
