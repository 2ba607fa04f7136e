"""Which device computes, and in which precision."""

import torch

from shared.errors import DeviceError

CHOICES = ("auto", "cpu", "cuda")


def resolve(choice: str) -> torch.device:
    """The device for "auto", "cpu" or "cuda"; "cuda" without CUDA refuses rather than computing slowly on the
    CPU.
    """
    match choice:
        case "cpu":
            return torch.device("cpu")
        case "cuda":
            if not torch.cuda.is_available():
                raise DeviceError(
                    "device 'cuda' was asked for and torch finds none: "
                    "install torch for CUDA and give this process a GPU, or choose 'cpu' or 'auto'"
                )
            return torch.device("cuda")
        case "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        case _:
            raise DeviceError(f"unknown device {choice!r}: choose one of {', '.join(CHOICES)}")


def cpu_has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware (avx512_bf16 or amx_bf16).

    With it, half the bytes make convolutions 1.6 to 2.4 times as fast as float32; without it, torch emulates
    bfloat16 and is slower than float32.
    """
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def inference_dtype(device: torch.device) -> torch.dtype:
    """The fastest type that is precise enough to run a trained network in on this device."""
    match device.type:
        case "cuda":
            return torch.float16  # 11 significant bits, where bfloat16 has 8 at the same speed
        case _:
            return torch.bfloat16 if cpu_has_bfloat16() else torch.float32
