"""Who is let in, and what with."""

import hashlib
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from apiflask import APIFlask

from gateway.app import create_app
from gateway.auth import FIRST_ID, KeyStore, Scope, hand_over_first_key
from gateway.context import Services
from gateway.errors import Unauthorized
from shared.errors import ConfigurationError
from shared.settings import Settings
from shared.storage.store import MemoryStore
from tests.unit.gateway.conftest import PHOTO, Api, MakeApi


def bearer(token: str | None) -> str:
    assert token is not None
    return f"Bearer {token}"


def test_what_is_stored_is_a_digest_and_never_the_secret(store: MemoryStore) -> None:
    token = KeyStore(store, 5).create("acme", [Scope.VERIFY], key_id="k1")
    assert token is not None
    secret = token.split("_", 2)[2]
    stored = json.loads(store.get("keys/k1.json"))
    assert stored["sha256"] == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in json.dumps(stored)
    assert (stored["tenant"], stored["scopes"], stored["expires_at"]) == ("acme", ["verify"], None)


def test_two_keys_never_share_a_secret(store: MemoryStore) -> None:
    keys = KeyStore(store, 5)
    assert len({keys.create("acme", Scope) for _ in range(20)}) == 20


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        "Bearer lk_first_wrong",
        f"Bearer lk_nobody_{'A' * 43}",
        f"Bearer lk_first_{'A' * 43}",
        f"Bearer lk_../keys/first_{'A' * 43}",
        "Bearer lk_first_" + "é" * 43,
    ],
)
def test_no_key_or_a_wrong_one_is_401(app: APIFlask, services: Services, header: str | None) -> None:
    services.keys.create_first()
    headers = {} if header is None else {"Authorization": header}
    answer = app.test_client().get("/v1/galleries", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="likeness"'
    assert answer.json is not None
    assert answer.json["code"] == "unauthorized"


def test_the_scheme_is_case_insensitive(app: APIFlask, services: Services) -> None:
    token = services.keys.create_first()
    answer = app.test_client().get("/v1/galleries", headers={"Authorization": f"bearer {token}"})
    assert answer.status_code == 200


def test_an_expired_key_is_401(store: MemoryStore) -> None:
    keys = KeyStore(store, 5)
    past, future = (datetime.now(UTC) + timedelta(seconds=s) for s in (-1, 60))
    assert keys.authenticate(bearer(keys.create("acme", Scope, expires_at=future))).tenant == "acme"
    with pytest.raises(Unauthorized):
        keys.authenticate(bearer(keys.create("acme", Scope, expires_at=past)))


class Counting(MemoryStore):
    reads = 0

    def get(self, key: str) -> bytes:
        self.reads += 1
        return super().get(key)


def test_an_id_that_no_key_has_is_looked_up_as_often_as_one_that_a_key_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the time of the answer would tell which ids there are, and every guess cost the object store a read."""
    monkeypatch.setattr("gateway.auth.MOST_UNKNOWN", 3)
    store = Counting()
    keys = KeyStore(store, 60)
    good = bearer(keys.create("acme", Scope, key_id="k1"))
    for key_id in ("k1", "k2"):
        before = store.reads
        for _ in range(3):
            with pytest.raises(Unauthorized):
                keys.authenticate(f"Bearer lk_{key_id}_{'A' * 43}")
        assert store.reads == before + 1
    for number in range(10):
        with pytest.raises(Unauthorized):
            keys.authenticate(f"Bearer lk_u{number}_{'A' * 43}")
    assert len(keys._unknown) == 3
    assert keys.authenticate(bearer(keys.create("acme", Scope, key_id="u9"))).id == "u9", (
        "made here, it is good at once"
    )
    assert keys.authenticate(good).id == "k1"


def test_a_key_is_read_again_when_its_cache_time_is_over(store: MemoryStore) -> None:
    patient, strict = KeyStore(store, 60), KeyStore(store, 0)
    token = bearer(patient.create("acme", Scope, key_id="k1"))
    for keys in (patient, strict):
        keys.authenticate(token)
    store.delete("keys/k1.json")
    assert patient.authenticate(token).id == "k1"
    with pytest.raises(Unauthorized):
        strict.authenticate(token)


def test_a_revoked_key_is_forgotten_at_once_where_it_was_revoked(store: MemoryStore) -> None:
    keys = KeyStore(store, 60)
    token = bearer(keys.create("acme", Scope, key_id="k1"))
    keys.authenticate(token)
    keys.delete("k1")
    with pytest.raises(Unauthorized):
        keys.authenticate(token)


def test_a_route_that_says_nothing_about_itself_needs_a_key(settings: Settings, services: Services) -> None:
    app = create_app(settings, services)
    app.add_url_rule("/new", view_func=lambda: "reached")
    assert app.test_client().get("/new").status_code == 401
    assert Api(app, services.keys.create("default", Scope) or "").get("/new").text == "reached"


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/models", "/v1/whoami"])
def test_a_key_without_scopes_may_read(make_api: MakeApi, path: str) -> None:
    assert make_api(scopes=set()).get(path).status_code == 200


@pytest.mark.parametrize(("method", "end"), [("GET", ""), ("GET", "/events"), ("POST", "/cancel")])
@pytest.mark.parametrize("scope", Scope)
def test_a_job_is_for_keys_that_could_start_it_or_administer(
    api: Api, make_api: MakeApi, scope: Scope, method: str, end: str
) -> None:
    job = api.upload("/v1/comparisons", image_a=PHOTO, image_b=PHOTO).get_json()
    api.post(f"/v1/jobs/{job['id']}/cancel")  # or its stream would go on
    allowed = scope in {Scope.VERIFY, Scope.ADMIN}
    key = make_api(scopes={scope})
    assert (key(method, f"/v1/jobs/{job['id']}{end}").status_code == 403) is not allowed
    listed = [one["id"] for one in key.get("/v1/jobs").get_json()["jobs"]]
    assert listed == ([job["id"]] if allowed else [])


# --- the first key ---


def test_gateways_that_start_together_make_one_first_key(store: MemoryStore) -> None:
    with ThreadPoolExecutor(16) as pool:
        tokens = list(pool.map(lambda _: KeyStore(store, 5).create_first(), range(16)))
    (token,) = (token for token in tokens if token)
    key = KeyStore(store, 5).authenticate(f"Bearer {token}")
    assert (key.tenant, key.scopes) == ("default", frozenset(Scope))


def test_there_is_no_first_key_where_there_is_a_key(store: MemoryStore) -> None:
    keys = KeyStore(store, 5)
    keys.create("acme", Scope)
    assert keys.create_first() is None


def test_the_first_key_is_written_for_its_owner_only(store: MemoryStore, tmp_path: Path) -> None:
    path = tmp_path / "new" / "key"
    assert hand_over_first_key(KeyStore(store, 5), path) is None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert KeyStore(store, 5).authenticate(f"Bearer {path.read_text().strip()}").id == FIRST_ID


def test_a_file_that_others_could_read_is_closed_to_them_first(store: MemoryStore, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("")
    path.chmod(0o644)
    hand_over_first_key(KeyStore(store, 5), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_restart_keeps_the_first_key(store: MemoryStore, tmp_path: Path) -> None:
    path = tmp_path / "key"
    hand_over_first_key(KeyStore(store, 5), path)
    written = path.read_text()
    assert hand_over_first_key(KeyStore(store, 5), path) is None
    assert path.read_text() == written


def test_a_first_key_that_cannot_be_written_is_withdrawn(store: MemoryStore, tmp_path: Path) -> None:
    """Otherwise nobody would ever know it, and no other would be made."""
    with pytest.raises(ConfigurationError, match="FIRST_KEY_FILE"):
        hand_over_first_key(KeyStore(store, 5), tmp_path)
    assert hand_over_first_key(KeyStore(store, 5), None) is not None
