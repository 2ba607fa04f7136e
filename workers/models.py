"""The models of a worker: loaded once, warmed up before the first job, used through one device thread."""

from concurrent.futures import Executor, ThreadPoolExecutor

import structlog
import torch

from shared.errors import ObjectNotFound
from shared.ml import device as devices
from shared.ml.weights import Supply
from shared.processors import processors
from shared.settings import Settings
from shared.storage.store import ObjectStore

log = structlog.get_logger("worker")


def device_thread() -> Executor:
    """The one thread of a process that runs torch; everything else asks it."""
    return ThreadPoolExecutor(1, thread_name_prefix="device")


def choose_device(settings: Settings) -> torch.device:
    """The device to compute on; also sets how many CPU threads one operation may use.

    Raises:
        DeviceError: CUDA was asked for and is not there.
    """
    torch.set_num_threads(settings.workers.torch_threads or min(torch.get_num_threads(), processors()))
    device = devices.resolve(settings.device.value)
    log.info("device", device=str(device), threads=torch.get_num_threads())
    return device


def weights_supply(settings: Settings, store: ObjectStore) -> Supply:
    """Where the weights may come from, beside what each of them names itself."""

    def fetch_object(key: str) -> bytes | None:
        try:
            return store.get(key)
        except ObjectNotFound:
            return None

    return Supply(local_dir=settings.weights_dir, fetch_object=fetch_object)
