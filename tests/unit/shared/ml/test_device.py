import pytest
import torch

from shared.errors import DeviceError
from shared.ml import device


def test_cpu_is_always_there() -> None:
    assert device.resolve("cpu") == torch.device("cpu")


def test_auto_takes_cuda_where_there_is_one() -> None:
    assert device.resolve("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_without_cuda_refuses_and_says_what_to_do() -> None:
    with pytest.raises(DeviceError, match=r"install torch for CUDA .* or choose 'cpu' or 'auto'"):
        device.resolve("cuda")


def test_an_unknown_device_is_refused_with_the_known_ones() -> None:
    with pytest.raises(DeviceError, match="'tpu': choose one of auto, cpu, cuda"):
        device.resolve("tpu")


def test_the_cpu_computes_in_bfloat16_only_where_the_hardware_does() -> None:
    expected = torch.bfloat16 if device.cpu_has_bfloat16() else torch.float32
    assert device.inference_dtype(torch.device("cpu")) == expected


def test_cuda_computes_in_float16() -> None:
    assert device.inference_dtype(torch.device("cuda")) == torch.float16
