"""The audit's routes: pages, CSV, verification."""

import csv
import io
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis

from gateway import audit as routes
from gateway.audit_csv import COLUMNS, lines
from gateway.auth import Scope
from gateway.context import Services
from shared.galleries.store import GalleryStore
from shared.schemas import AuditEntry, AuditFact, AuditVerification
from shared.storage.store import MemoryStore
from tests.unit.gateway.conftest import Api, MakeApi

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def fact(number: int, **more: Any) -> AuditFact:
    at = START + timedelta(minutes=number)
    members = {"id": f"{number}-0", "at": at, "action": "verification", "actor": "key1", "request_id": "r", **more}
    return AuditFact.model_validate(members)


def append(services: Services, *facts: AuditFact, tenant: str = "default") -> None:
    assert services.audit.append(tenant, facts) is not None


@pytest.fixture
def ada(galleries: GalleryStore, staff: str) -> str:
    """Her pseudonym."""
    return galleries.get_person("default", staff, "ada").uid


@pytest.fixture
def filled(services: Services, ada: str) -> None:
    append(
        services,
        fact(1, gallery="staff", person=ada, device="front", outcome="match", decision="granted", details={"n": 1}),
        fact(
            2, gallery="staff", person="f" * 32, device="back", outcome="no_match", decision="denied", reason="no_match"
        ),
        fact(3, gallery="staff", action="recognition", person=ada, device="back", outcome="recognised"),
        fact(4, action="key.created", details={"scopes": ["enrol"]}),
    )


def numbers(api: Api, query: str = "") -> list[int]:
    answer = api.get(f"/v1/audit{query}")
    assert answer.status_code == 200, answer.json
    assert answer.json is not None
    return [entry["sequence"] for entry in answer.json["entries"]]


# --- reading ---


@pytest.mark.usefixtures("filled")
def test_an_entry_has_everything_that_the_contract_names(api: Api, ada: str) -> None:
    answer = api.get("/v1/audit?order=oldest&limit=1").json
    assert answer is not None
    (entry,) = answer["entries"]
    assert answer["next_cursor"] == "1"
    previous, its_hash = entry.pop("previous"), entry.pop("hash")
    assert len(previous) == len(its_hash) == 64
    assert entry == {
        "sequence": 1,
        "id": "1-0",
        "at": "2026-11-22T08:01:00Z",
        "action": "verification",
        "actor": "key1",
        "request_id": "r",
        "job": None,
        "gallery": "staff",
        "person": ada,
        "device": "front",
        "outcome": "match",
        "reason": None,
        "policy": None,
        "decision": "granted",
        "details": {"n": 1},
    }


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [4, 3, 2, 1]),
        ("?order=oldest", [1, 2, 3, 4]),
        ("?device=back", [3, 2]),
        ("?gallery=staff&person=ada", [3, 1]),
        ("?gallery=staff&person=nobody", []),
        ("?person=ada", []),
        (f"?person={'f' * 32}", [2]),
        (f"?gallery=staff&person={'f' * 32}", [2]),
        ("?gallery=other", []),
        ("?action=key.created", [4]),
        ("?since=2026-11-22T08:02:00Z&until=2026-11-22T08:04:00Z", [3, 2]),
        ("?since=2026-11-22T10:03:00%2B02:00", [4, 3]),
        ("?limit=2", [4, 3]),
        ("?limit=2&cursor=3", [2, 1]),
        ("?cursor=1", []),
        ("?order=oldest&cursor=4", []),
    ],
)
def test_a_query_finds_what_it_asks_for(query: str, found: list[int], api: Api) -> None:
    assert numbers(api, query) == found


@pytest.mark.usefixtures("filled")
def test_an_erased_persons_entries_are_found_by_the_pseudonym_alone(
    api: Api, ada: str, galleries: GalleryStore, store: MemoryStore
) -> None:
    store.delete(next(key for key in store.keys("galleries/default/staff/persons/") if "ada" in key))
    assert numbers(api, "?gallery=staff&person=ada") == []
    assert numbers(api, f"?gallery=staff&person={ada}") == [3, 1]
    galleries.ensure_person("default", "staff", "ada")
    assert numbers(api, "?gallery=staff&person=ada") == []


@pytest.mark.parametrize(
    "query",
    [
        "?since=yesterday", "?since=2026-11-22T08:00:00", "?until=", "?person=..%2F", "?gallery=a%20b", "?limit=0",
        "?limit=1001", "?cursor=x", "?cursor=-1", "?cursor=99999999999999999999", "?order=random", "?unknown=1",
        "?device=a&device=b", "?since=9999-99-99T00:00:00Z",
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/v1/audit", "/v1/audit/export"])
def test_a_query_that_makes_no_sense_is_refused(path: str, query: str, api: Api) -> None:
    answer = api.get(path + query)
    assert answer.status_code == 422
    assert answer.json is not None
    assert answer.json["code"] in {"invalid_field", "invalid_id"}


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("year", ["0001", "9999"])
def test_the_farthest_times_are_times(year: str, api: Api) -> None:
    assert numbers(api, f"?since={year}-12-31T00:00:00-14:00") in ([], [4, 3, 2, 1])
    assert numbers(api, f"?until={year}-01-01T00:00:00%2B14:00") in ([], [4, 3, 2, 1])


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("path", ["/v1/audit", "/v1/audit/export", "/v1/audit/verification"])
def test_the_audit_needs_its_own_scope(path: str, make_api: MakeApi) -> None:
    assert make_api(scopes=set(Scope) - {Scope.AUDIT_READ}).get(path).status_code == 403
    assert make_api(scopes={Scope.AUDIT_READ}).get(path).status_code == 200


@pytest.mark.usefixtures("filled")
def test_another_tenants_audit_is_his_own(services: Services, make_api: MakeApi) -> None:
    other = make_api("other")
    assert numbers(other) == []
    append(services, fact(9), tenant="other")
    assert numbers(other) == [1]
    assert other.get("/v1/audit/export").text.count("\r\n") == 2
    assert other.get("/v1/audit/verification").json["entries"] == 1  # type: ignore[index]


# --- CSV ---


@pytest.mark.usefixtures("filled")
def test_the_export_has_every_entry_that_the_query_asks_for(api: Api) -> None:
    answer = api.get("/v1/audit/export?device=back")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["sequence"] for row in rows] == ["3", "2"]
    assert (rows[1]["decision"], rows[1]["reason"], rows[1]["job"]) == ("denied", "no_match", "")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_taken_for_a_formula(start: str, services: Services, api: Api) -> None:
    append(services, fact(1, device=f"{start}cmd|' /C calc'!A0", outcome='a "quoted", text'))
    (row,) = csv.DictReader(io.StringIO(api.get("/v1/audit/export").text, newline=""))
    assert row["device"] == f"'{start}cmd|' /C calc'!A0"
    assert row["outcome"] == 'a "quoted", text'


def test_the_export_is_made_line_by_line(services: Services) -> None:
    append(services, fact(1), fact(2))
    taken = []

    def entries() -> Iterator[AuditEntry]:
        for entry in services.audit.page("default", routes.AuditFilter().query()).entries:
            taken.append(entry.sequence)
            yield entry

    made = lines(entries())
    assert next(made) == ",".join(COLUMNS) + "\r\n"
    assert taken == []
    next(made)
    assert taken == [2]


# --- verification ---


@pytest.mark.usefixtures("filled")
def test_a_whole_log_is_valid(api: Api, services: Services) -> None:
    (head, *_) = services.audit.heads("default")
    assert api.get("/v1/audit/verification").json == {
        "valid": True,
        "entries": 4,
        "head": head.hash,
        "problems": [],
    }


@pytest.mark.usefixtures("filled")
def test_a_tampered_log_is_not_and_the_entry_is_named(api: Api, store: MemoryStore) -> None:
    (key,) = store.keys("audit/default/")
    store.put(key, store.get(key).replace(b'"outcome":"no_match"', b'"outcome":"match"'))
    answer = api.get("/v1/audit/verification").json
    assert answer is not None
    assert answer["valid"] is False
    assert answer["problems"] == [{"sequence": 2, "problem": "altered: its hash is not that of its content"}]


@pytest.mark.usefixtures("filled")
def test_a_head_noted_elsewhere_shows_a_log_that_was_cut_off(
    api: Api, store: MemoryStore, redis: Redis, services: Services
) -> None:
    noted = services.audit.verify("default").head
    for prefix in ("audit/", "audit-heads/"):
        store.delete_prefix(prefix)
    redis.flushall()
    assert api.get("/v1/audit/verification").json["valid"] is True  # type: ignore[index]
    answer = api.get(f"/v1/audit/verification?head={noted}").json
    assert answer is not None
    assert [problem["sequence"] for problem in answer["problems"]] == [1]
    assert api.get(f"/v1/audit/verification?head={noted[1:]}").status_code == 422


def test_a_long_verification_is_answered_while_it_goes_on(
    api: Api, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    found = AuditVerification(valid=True, entries=0, head="", problems=[])

    def slow(*_: object) -> AuditVerification:
        assert over.wait(10)
        return found

    monkeypatch.setattr(services.audit, "verify", slow)
    monkeypatch.setattr(routes, "AT_ONCE_S", 0.05)
    monkeypatch.setattr(routes, "SIGN_OF_LIFE_S", 0.05)
    threading.Timer(0.3, over.set).start()
    answer = api.get("/v1/audit/verification")
    assert answer.text.startswith("\n\n")
    assert answer.json == found.model_dump()


def test_a_tenants_audit_is_verified_once_at_a_time(
    make_api: MakeApi, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    over, verified = threading.Event(), list[str]()

    def slow(tenant: str, _: object) -> AuditVerification:
        verified.append(tenant)
        assert tenant == "other" or over.wait(10)
        return AuditVerification(valid=True, entries=0, head="", problems=[])

    monkeypatch.setattr(services.audit, "verify", slow)
    path, mine = "/v1/audit/verification", make_api("default")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(mine.get, path)
        while not verified:
            time.sleep(0.01)
        refused = mine.get(path)
        assert (refused.status_code, refused.get_json()["code"]) == (429, "verification_under_way")
        assert int(refused.headers["Retry-After"]) > 0
        assert make_api("other").get(path).status_code == 200
        over.set()
        assert first.result().status_code == 200
    assert mine.get(path).status_code == 200
    assert verified == ["default", "other", "default"]
