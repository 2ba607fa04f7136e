"""Every route of the OpenAPI document against the live system, with what fits its schemas and what does not.

schemathesis makes the requests: the schemas' corner cases, random ones, and chains of calls along the document's
links. Its checks: no server error, every status, header and body as documented, wrong data and methods refused,
right data accepted, no key no answer, nothing to be had after its deletion.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.auth import Scope
from shared.embedded.info import StackInfo
from shared.errors import JobFinished
from shared.jobs import JobStore
from shared.queue import connect
from shared.settings import JobSettings, RedisSettings
from shared.storage.s3_store import S3Store
from tests.e2e.conftest import key_of

HERE = Path(__file__).parent
TENANT = "contract"
SEED = "20261122"  # what was right yesterday is right today; change it to look elsewhere


@pytest.fixture
def key(s3: S3Store) -> str:
    """Of a tenant of its own, which may do everything there."""
    return key_of(s3, TENANT, set(Scope) - {Scope.TENANTS})


@pytest.fixture
def quiet_afterwards(stack: StackInfo) -> Iterator[None]:
    """What it has queued is cancelled: the next test need not wait for it."""
    yield
    redis = connect(RedisSettings.model_validate({"url": stack.redis}))
    jobs = JobStore(redis, "likeness:", JobSettings(), lambda *_: None)
    for job in jobs.recent(TENANT, limit=10_000):
        if not job.status.finished:
            with suppress(JobFinished):
                jobs.cancel(TENANT, job.id)
    redis.close()


@pytest.mark.usefixtures("quiet_afterwards")
def test_every_route_keeps_what_the_document_promises(stack: StackInfo, key: str) -> None:
    command = [
        str(Path(sys.executable).with_name("st")), "--config-file", str(HERE / "schemathesis.toml"),
        "run", f"{stack.url}/openapi.json", "--header", f"Authorization: Bearer {key}",
        # one thread: two at once upset Python 3.11's parser, by which hypothesis describes lambdas
        "--checks", "all", "--max-examples", "6", "--seed", SEED, "--workers", "1",
        "--continue-on-failure", "--no-color",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
    assert "No tests were run" not in done.stdout
