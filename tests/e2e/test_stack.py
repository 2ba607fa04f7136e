"""`likeness up` as a person uses it: beside another stack, stopped by Ctrl-C or `down`, its data kept."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from gateway.client import Client
from shared.embedded.info import ProcessRecord, StackInfo, read_info, read_processes
from shared.embedded.stack import Stack
from shared.embedded.supervisor import is_alive

LIKENESS = [sys.executable, "-m", "gateway.client.cli"]


@contextmanager
def running_up(home: Path) -> Iterator[tuple[subprocess.Popen[str], StackInfo]]:
    """`likeness up` in a process of its own, once it is ready."""
    command = [*LIKENESS, "up", "--home", str(home)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        until = time.monotonic() + 120
        while (info := read_info(home)) is None:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < until, "not ready in time"
            time.sleep(0.1)
        yield process, info
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=90)


def nothing_runs(processes: Sequence[ProcessRecord]) -> bool:
    return not any(is_alive(process) for process in processes)


def test_data_and_key_survive_a_restart_beside_another_stack_and_down_ends_what_a_killed_one_left(
    stack: StackInfo, tmp_path: Path
) -> None:
    with running_up(tmp_path) as (process, first):
        started = read_processes(tmp_path)
        assert first.url != stack.url
        with Client(first.url, first.api_key) as client:
            client.galleries.create("kept")
        process.send_signal(signal.SIGINT)
        assert process.wait(90) == 0
    assert len(started) > 6
    assert nothing_runs(started)
    assert (read_info(tmp_path), read_processes(tmp_path)) == (None, [])

    with running_up(tmp_path) as (process, second):
        started = read_processes(tmp_path)
        assert second.api_key == first.api_key
        with Client(second.url, second.api_key) as client:
            assert [gallery["id"] for gallery in client.galleries.list()] == ["kept"]
        process.kill()
        process.wait(10)
        assert not nothing_runs(started)
        subprocess.run([*LIKENESS, "down", "--home", str(tmp_path)], timeout=90, check=True)
    assert nothing_runs(started)
    assert (read_info(tmp_path), read_processes(tmp_path)) == (None, [])


def test_a_start_is_ended_by_down_before_it_is_ready(tmp_path: Path) -> None:
    process = subprocess.Popen([*LIKENESS, "up", "--home", str(tmp_path)], stdout=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while len(started := read_processes(tmp_path)) < 4:  # itself, the object store, Redis, and one more
        assert time.monotonic() < until, "nothing was started"
        time.sleep(0.05)
    assert read_info(tmp_path) is None, "nobody is told of what is not ready"
    subprocess.run([*LIKENESS, "down", "--home", str(tmp_path)], timeout=90, check=True)
    process.communicate(timeout=60)
    assert nothing_runs(started)
    assert read_processes(tmp_path) == []


def test_a_second_up_in_the_same_folder_is_refused_in_one_line(running: Stack) -> None:
    command = [*LIKENESS, "up", "--home", str(running.home)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "already runs" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA here")
def test_cuda_without_cuda_refuses_to_start(stack: StackInfo) -> None:
    environment = {
        **os.environ,
        "DEVICE": "cuda",
        "LIKENESS_REDIS__URL": stack.redis,
        "LIKENESS_S3__ENDPOINT": stack.s3.endpoint,
        "LIKENESS_S3__ACCESS_KEY": stack.s3.access_key,
        "LIKENESS_S3__SECRET_KEY": stack.s3.secret_key,
    }
    command = [sys.executable, "-m", "workers", "face"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().startswith("face worker: device 'cuda' was asked for")
