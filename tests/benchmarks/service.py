"""The whole service: how long an answer takes from one photo of a client to the verdict, and how many per second."""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.client import Client
from shared.embedded.stack import Stack
from tests.benchmarks.timing import table

PHOTOS = Path(__file__).parents[1] / "data" / "faces"
ALONE, TOGETHER = 60, 200
UNLIMITED = {  # one person, again and again
    "LIKENESS_RATES__KEY_PER_MINUTE": "0",
    "LIKENESS_RATES__PERSON_PER_MINUTE": "0",
    "LIKENESS_RATES__PERSON_FAILURES": "0",
}


def verification() -> str:
    """Verifications with `Prefer: wait` over loopback, one face worker, by one client and by sixteen."""
    with (
        TemporaryDirectory() as folder,
        Stack(Path(folder), settings=UNLIMITED) as info,
        Client(info.url, info.api_key) as client,
    ):
        client.galleries.create("bench")
        client.faces.enrol("bench", "obama", PHOTOS / "obama-1.jpg")

        def ask(_: int) -> float:
            started = time.perf_counter()
            client.faces.verify("bench", "obama", PHOTOS / "obama-2.jpg")
            return (time.perf_counter() - started) * 1000

        for _ in range(10):
            ask(0)
        rows = [_row("1", [ask(number) for number in range(ALONE)], None)]
        started = time.perf_counter()
        with ThreadPoolExecutor(16) as pool:
            taken = list(pool.map(ask, range(TOGETHER)))
        rows.append(_row("16", taken, TOGETHER / (time.perf_counter() - started)))
    return (
        "### Verification through HTTP\n\n910 × 1137 px JPEG; gateway, Redis, S3, one face worker and the clients "
        "share one machine.\n\n" + table(["clients", "median, ms", "95th percentile, ms", "answers/s"], rows)
    )


def _row(clients: str, taken: list[float], rate: float | None) -> list[str]:
    ordered = sorted(taken)
    median, p95 = statistics.median(ordered), ordered[int(len(ordered) * 0.95)]
    return [clients, f"{median:.0f}", f"{p95:.0f}", f"{rate or 1000 / median:.1f}"]
