"""The whole system, as `make up` starts it, with two face workers; started once for all tests that need it."""

import time
from collections.abc import Iterator

import pytest

from shared.embedded import servers
from shared.embedded.info import StackInfo
from shared.embedded.stack import Stack


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(
        tmp_path_factory.mktemp("stack"),
        face_workers=2,
        settings={
            "LIKENESS_DEVICE": "cpu",
            "LIKENESS_JOBS__LEASE_SECONDS": "3",
            "LIKENESS_JOBS__REPUBLISH_SECONDS": "3",
            "LIKENESS_WORKERS__CHECKPOINT_SECONDS": "0.5",
            "LIKENESS_RATES__KEY_PER_MINUTE": "100000",  # schemathesis is in a hurry
            "LIKENESS_RATES__PERSON_PER_MINUTE": "0",  # tests know few people
            "LIKENESS_RATES__PERSON_FAILURES": "40",
            "LIKENESS_WEBHOOKS__ALLOW_HTTP": "true",  # the tests' receivers are on this machine
            "LIKENESS_WEBHOOKS__PORTS": "1024-65535",
            "LIKENESS_WEBHOOKS__NETWORKS": "127.0.0.0/8",
            "LIKENESS_WEBHOOKS__RETRY_SECONDS": "0.2,0.4,0.8,1.6,3.2",
            "LIKENESS_WEBHOOKS__TIMEOUT_SECONDS": "3",
        },
    )
    stack.up()
    yield stack
    stack.down()


def wait_until_ready(stack: StackInfo, seconds: float = 60) -> None:
    """After something of it was killed."""
    until = time.monotonic() + seconds
    while not servers.answers(f"{stack.url}/readyz"):
        assert time.monotonic() < until, "the stack is not ready again"
        time.sleep(0.2)


@pytest.fixture(scope="session")
def stack(running: Stack) -> StackInfo:
    assert running.info is not None
    return running.info
