"""`python -m workers.tools machine`: what torch finds here, and which weights are in the cache, as JSON."""

import json
import os
import platform
import sys
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from shared.ml.device import inference_dtype
from shared.ml.weight_sources import file_sha256
from shared.ml.weights import OPTIONAL, REGISTRY, Weights, default_cache_dir
from shared.settings import Device

FEATURES = ("avx2", "avx512_f", "avx512_vnni", "avx512_bf16", "amx_bf16")


def machine(
    device: Annotated[Device, typer.Option(help="what LIKENESS_DEVICE says")] = Device.AUTO,
    weights_cache: Annotated[Path | None, typer.Option(help="default: the user's cache directory")] = None,
) -> None:
    """Print what `likeness doctor` asks for: CPU, precision, GPUs, weights."""
    facts = {**processors(), "device": device.value, "weights": list_weights(weights_cache or default_cache_dir())}
    sys.stdout.write(json.dumps(facts) + "\n")


def processors() -> dict[str, Any]:
    capabilities = torch.cpu.get_capabilities()
    return {
        "cpu": capabilities.get("cpu_name") or platform.processor() or "unknown",
        "architecture": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "cpu_features": [name for name in FEATURES if capabilities.get(name)],
        "cpu_precision": str(inference_dtype(torch.device("cpu"))).removeprefix("torch."),
        "cuda": torch.version.cuda,
        "gpus": [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())],
    }


def list_weights(cache: Path) -> list[dict[str, Any]]:
    """Every model's original file: `cached` and whole, `damaged`, or `missing`."""
    return [
        {"name": weights.name, "state": _state(weights, cache), "optional": weights in OPTIONAL}
        for weights in (*REGISTRY, *OPTIONAL)
    ]


def _state(weights: Weights, cache: Path) -> str:
    path = cache / weights.digest / weights.file_name
    if not path.is_file():
        return "missing"
    return "cached" if file_sha256(path) == weights.sha256 else "damaged"
