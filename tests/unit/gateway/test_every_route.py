"""Every route of the OpenAPI document, taken through: no key, a wrong one, one without the scope, another tenant's.

What each needs stands in route_table.py, not in the code: a route that is not there fails here.
"""

import io
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from apiflask import APIFlask
from redis import Redis
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from gateway.auth import Scope
from gateway.context import Services
from shared.galleries.store import GalleryStore
from shared.storage.store import MemoryStore
from tests.unit.gateway.conftest import Api, FakeWorker, MakeApi
from tests.unit.gateway.route_table import ANY, ROUTES
from tests.unit.gateway.web.test_openapi import PROTECTED
from tests.unit.gateway.world import World

NAMES = [f"{method} {path}" for method, path in PROTECTED]
WITH_IDS = [name for name in NAMES if "{" in name]
# Where the id of a kind is not the one that is meant otherwise.
MEANT = {
    "POST /v1/jobs/{job}/cancel": {"job": "queued"},
    "GET /v1/jobs/{job}/report/{file}": {"job": "drawn"},
    "GET /v1/batches/{batch}/images/{job}": {"job": "item"},
}


def call(api: Api, name: str, ids: Mapping[str, str], **headers: str) -> TestResponse:
    """Send what the table says of a route."""
    known, ids = ROUTES[name], {**ids, **{kind: ids.get(other, "x") for kind, other in MEANT.get(name, {}).items()}}

    def fill(text: str) -> str:
        return re.sub(r"{(\w+)}", lambda found: ids.get(found[1], "anything"), text)

    method, url = fill(name).split()
    if known.json is not None:
        return api(method, url, data=fill(json.dumps(known.json)), content_type="application/json", headers=headers)
    if known.fields or known.files:
        parts = {field: FileStorage(io.BytesIO(data), f"{field}.bin") for field, data in known.files.items()}
        boundary, body = encode_multipart({**known.fields, **parts})
        kind = f"multipart/form-data; boundary={boundary}"
        return api(method, url, data=body, content_type=kind, headers=headers)
    return api(method, url, headers=headers)


def test_the_table_knows_every_route() -> None:
    unknown = set(NAMES) - set(ROUTES)
    assert not unknown, f"give each its line in route_table.py: {sorted(unknown)}"
    gone = set(ROUTES) - set(NAMES)
    assert not gone, f"there is no such route, or it needs no key: {sorted(gone)}"


# --- keys that are none ---


def bad_keys(services: Services) -> Iterator[str]:
    yield "wrong"
    services.keys.create_first()
    yield f"lk_first_{'A' * 43}"
    past = datetime.now(UTC) - timedelta(seconds=1)
    yield services.keys.create("default", Scope, expires_at=past) or ""
    yield services.keys.create("default", Scope, key_id="revoked") or ""
    services.keys.delete("revoked")
    yield services.keys.create("default", Scope, key_id="rotated") or ""
    services.keys.rotate("rotated", timedelta())


@pytest.mark.parametrize("name", NAMES)
def test_without_a_good_key_it_is_401(app: APIFlask, services: Services, name: str) -> None:
    for token in list(bad_keys(services)):
        answer = call(Api(app, token), name, {})
        assert (answer.status_code, answer.get_json(force=True)["code"]) == (401, "unauthorized"), token


# --- scopes and tenants ---


@pytest.fixture
def ids(
    api: Api, worker: FakeWorker, store: MemoryStore, galleries: GalleryStore, staff: str, services: Services
) -> Mapping[str, str]:
    """Of one object of each kind."""
    assert staff
    services.stopping.set()  # streams of events end when they have told what there is
    return World(api, worker, store, galleries).build()


SCOPED = [name for name in NAMES if name in ROUTES and ROUTES[name].scopes != ANY]


@pytest.mark.parametrize("name", SCOPED)
def test_without_its_scopes_it_is_403(make_api: MakeApi, ids: Mapping[str, str], name: str) -> None:
    needed = {Scope(scope) for scope in ROUTES[name].scopes.split()}
    answer = call(make_api(scopes=set(Scope) - needed), name, ids)
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (403, "forbidden"), answer.text
    named = set(re.search(r'scope="([^"]+)"', answer.headers["WWW-Authenticate"])[1].split())  # type: ignore[index]
    assert named <= {scope.value for scope in needed}


@pytest.mark.parametrize("name", NAMES)
def test_any_one_of_its_scopes_is_enough(make_api: MakeApi, ids: Mapping[str, str], name: str) -> None:
    alone: list[set[Scope]] = [{Scope(scope)} for scope in ROUTES[name].scopes.split()]
    for scopes in alone or [set()]:
        answer = call(make_api(scopes=scopes), name, ids)
        assert answer.status_code not in {401, 403}, answer.text


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("GET")])
def test_its_own_tenant_reads_it(api: Api, ids: Mapping[str, str], name: str) -> None:
    """So the next test asks for what is there."""
    query = "?mode=fast&width=100&height=100" if name.endswith("/estimate") else ""
    answer = call(api, f"{name}", ids) if not query else api.get(name.split()[1] + query)
    assert answer.status_code in {200, 204, 302}, answer.text


def fingerprint(store: MemoryStore) -> dict[str, bytes]:
    """Of everything that the tenant has; keys are made by the test itself."""
    return {key: store.get(key) for key in store.keys("") if "/default/" in key}


@pytest.mark.parametrize("name", WITH_IDS)
def test_what_is_another_tenants_is_404_and_stays_as_it_is(
    make_api: MakeApi, ids: Mapping[str, str], name: str, store: MemoryStore, redis: Redis
) -> None:
    stranger = make_api("other", set(Scope) - {Scope.TENANTS})
    before, jobs = fingerprint(store), sorted(redis.scan_iter("*:job:*"))
    answer = call(stranger, name, ids)
    assert fingerprint(store) == before
    assert sorted(redis.scan_iter("*:job:*")) == jobs
    if ROUTES[name].own:
        assert answer.status_code in {200, 201}, answer.text
    else:
        assert answer.status_code == 404, answer.text
        assert answer.get_json(force=True)["code"] != "not_found", "the route is there, the object is not"


FOREIGN = {  # ids in bodies
    "POST /v1/liveness-sessions": {"gallery": "staff"},
    "POST /v1/detections": {"image": "upload:{upload}"},
    "POST /v1/stylizations": {"content": "{photo}", "style_id": "mine"},
    "POST /v1/comparisons": {"image_a": "{photo}", "image_b": "{photo}", "model": "{model}"},
}


@pytest.mark.parametrize("name", FOREIGN)
def test_an_id_in_a_body_is_no_way_around(make_api: MakeApi, ids: Mapping[str, str], name: str) -> None:
    stranger = make_api("other", set(Scope) - {Scope.TENANTS})
    text = re.sub(r"{(\w+)}", lambda found: ids[found[1]], json.dumps(FOREIGN[name]))
    answer = stranger.post(name.split()[1], data=text, content_type="application/json")
    assert answer.status_code in {404, 422}, answer.text
    code = answer.get_json()["code"]
    assert code.endswith("_not_found") or code in {"unknown_model"}, code


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("POST")])
def test_every_post_is_done_once_by_its_idempotency_key(api: Api, ids: Mapping[str, str], name: str) -> None:
    first, again = (call(api, name, ids, **{"Idempotency-Key": "k"}) for _ in range(2))
    assert first.status_code < 500, first.text
    if first.status_code >= 400:
        assert "Idempotency-Replayed" not in again.headers, "of what was refused nothing is kept"
    elif ROUTES[name].kept:
        assert again.headers.get("Idempotency-Replayed") == "true", again.text
        assert again.status_code == first.status_code
    else:
        assert (again.status_code, again.get_json(force=True)["code"]) == (409, "idempotency_answer_gone")
    assert "Idempotency-Replayed" not in first.headers
