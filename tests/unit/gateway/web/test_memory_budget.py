"""Large requests share the memory there is: whoever finds none left waits, and in the end is told to come again."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from apiflask import APIFlask
from werkzeug.test import TestResponse

from gateway.context import EXTENSION
from gateway.errors import GatewayBusy
from gateway.web import memory_budget
from gateway.web.memory_budget import MemoryBudget
from shared.storage.store import MemoryStore, inbound_key
from tests.unit.gateway.conftest import PHOTO, Api


def test_never_more_is_spent_than_there_is() -> None:
    budget, lock = MemoryBudget(100), threading.Lock()
    now, most = 0, 0

    def request(amount: int) -> None:
        nonlocal now, most
        with budget.spend(amount):
            with lock:
                now += amount
                most = max(most, now)
            with lock:
                now -= amount

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(request, [40, 60, 100, 30, 30, 30, 70, 1] * 25))
    assert 0 < most <= 100
    assert now == 0


def test_whoever_waits_in_vain_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_budget, "WAIT_S", 0.05)
    budget = MemoryBudget(100)
    with budget.spend(60):
        with pytest.raises(GatewayBusy), budget.spend(50):
            pass
        with budget.spend(40):
            pass
    with budget.spend(100):
        pass


def test_what_failed_is_given_back() -> None:
    budget = MemoryBudget(100)
    with pytest.raises(ZeroDivisionError), budget.spend(100):
        raise ZeroDivisionError
    with budget.spend(100):
        pass


def test_a_request_that_is_larger_than_all_there_is_has_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_budget, "WAIT_S", 0.01)
    budget = MemoryBudget(100)
    with budget.spend(1000), pytest.raises(GatewayBusy), budget.spend(1):
        pass


# --- requests ---

RECOGNISE = "/v1/galleries/staff/recognitions"


@pytest.fixture
def budget(app: APIFlask, monkeypatch: pytest.MonkeyPatch, staff: str) -> MemoryBudget:
    """Of an application to which a photo is large; nobody waits."""
    del staff
    monkeypatch.setattr(memory_budget, "WAIT_S", 0.01)
    monkeypatch.setattr(memory_budget, "LARGE", len(PHOTO) - 1)
    made = app.extensions[EXTENSION].uploads.budget = MemoryBudget(2 * len(PHOTO))
    return made


def assert_busy(answer: TestResponse) -> None:
    assert (answer.status_code, answer.get_json()["code"]) == (503, "gateway_busy")


def test_a_file_that_a_small_body_names_counts_until_the_request_is_over(
    api: Api, budget: MemoryBudget, store: MemoryStore
) -> None:
    made = api.post("/v1/uploads", json={"bytes": len(PHOTO)}).get_json()
    store.put(inbound_key("default", made["id"]), PHOTO)
    body = {"image": made["reference"]}
    with budget.spend(2 * len(PHOTO)):
        assert_busy(api.post(RECOGNISE, json=body))
    assert api.post(RECOGNISE, json={**body, "top_k": 0}).status_code == 422, "it failed after it was read"
    assert api.post(RECOGNISE, json=body).status_code == 202
    with budget.spend(2 * len(PHOTO)):
        pass


def test_a_large_body_counts_until_the_request_is_over(api: Api, budget: MemoryBudget) -> None:
    with budget.spend(2 * len(PHOTO)):
        assert_busy(api.upload(RECOGNISE, image=PHOTO))
        assert_busy(
            api.post(RECOGNISE, data=b"{}", content_type="application/json", headers={"Transfer-Encoding": "chunked"})
        )
    assert api.upload(RECOGNISE, image=PHOTO).status_code == 202
    with budget.spend(2 * len(PHOTO)):
        pass


def test_a_small_body_never_waits_for_large_ones(api: Api, budget: MemoryBudget) -> None:
    with budget.spend(2 * len(PHOTO)):
        assert api.post("/v1/galleries", json={"id": "new"}).status_code == 201
