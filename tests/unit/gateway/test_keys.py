"""Making, listing, rotating and revoking API keys; nobody gives what he does not have."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from redis import Redis
from werkzeug.test import TestResponse

from gateway.auth import ApiKey, KeyStore, Role, Scope
from gateway.context import Services
from gateway.errors import Unauthorized
from shared.outbox import Outbox, Reader
from shared.storage.store import MemoryStore
from tests.unit.gateway.conftest import PREFIX, Api, MakeApi


def make(api: Api, **fields: Any) -> dict[str, Any]:
    answer = api.post("/v1/keys", json=fields)
    assert answer.status_code == 201, answer.text
    made = answer.get_json()
    assert isinstance(made, dict)
    return made


def with_key(api: Api, made: dict[str, Any]) -> Api:
    return Api(api.app, made["token"])


def refused(answer: TestResponse, status: int, code: str, *words: str) -> None:
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (status, code), answer.text
    for word in words:
        assert word in answer.get_json(force=True)["detail"]


@pytest.fixture
def admin(make_api: MakeApi) -> Api:
    """Of a tenant of his own, without power over others."""
    return make_api("acme", set(Role.ADMIN.scopes))


def test_a_key_works_as_soon_as_it_is_made(admin: Api) -> None:
    made = make(admin, scopes=["verify"], name="north gate", expires_in_days=90)
    me = with_key(admin, made).get("/v1/whoami").get_json()
    named = {"key": made["id"], "tenant": "acme", "name": "north gate", "scopes": ["verify"]}
    assert me == {**named, "expires_at": made["expires_at"]}
    left = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=89, hours=23) < left <= timedelta(days=90)


def test_the_token_is_shown_once_and_stored_nowhere(admin: Api, store: MemoryStore) -> None:
    made = make(admin, role="door")
    secret = made["token"].split("_", 2)[2]  # which may hold underscores of its own
    shown = admin.get(f"/v1/keys/{made['id']}")
    assert "token" not in shown.get_json()
    assert secret not in shown.text + admin.get("/v1/keys").text + store.get(f"keys/{made['id']}.json").decode()


@pytest.mark.parametrize("role", Role)
def test_a_role_is_its_bundle_of_scopes(api: Api, role: Role) -> None:
    assert make(api, role=role.value)["scopes"] == sorted(role.scopes)


@pytest.mark.parametrize(
    "fields",
    [{}, {"scopes": []}, {"scopes": ["verify"], "role": "door"}, {"scopes": ["root"]}, {"role": "king"}],
)
def test_either_scopes_or_a_role_that_exist(admin: Api, fields: dict[str, Any]) -> None:
    refused(admin.post("/v1/keys", json=fields), 422, "invalid_field")


@pytest.mark.parametrize("name", ["", "x" * 201, "a\x00b", "\x1b]0;owned\x07", "two\nlines", "\u202eetag"])
def test_a_name_does_nothing_to_the_terminal_of_whoever_lists_the_keys_of_all(admin: Api, name: str) -> None:
    refused(admin.post("/v1/keys", json={"role": "door", "name": name}), 422, "invalid_field", "`name`")


def test_nobody_gives_a_scope_he_lacks(make_api: MakeApi) -> None:
    clerk = make_api("acme", {Scope.ADMIN, Scope.VERIFY})
    refused(clerk.post("/v1/keys", json={"scopes": ["verify", "enrol"]}), 403, "forbidden", "'enrol'")
    refused(clerk.post("/v1/keys", json={"role": "owner"}), 403, "forbidden")
    assert make(clerk, scopes=["verify", "admin"])["scopes"] == ["admin", "verify"]


def test_nobody_gets_the_token_of_a_key_that_may_do_more(make_api: MakeApi, services: Services) -> None:
    clerk = make_api("acme", {Scope.ADMIN})
    services.keys.create("acme", {Scope.ADMIN, Scope.ENROL}, key_id="more")
    refused(clerk.post("/v1/keys/more/rotate"), 403, "forbidden", "'enrol'")


def test_nobody_outlives_his_own_key_by_another(app: APIFlask, services: Services) -> None:
    until = datetime.now(UTC) + timedelta(days=2)
    services.keys.create("acme", {Scope.VERIFY}, key_id="forever")
    token = services.keys.create("acme", {Scope.ADMIN, Scope.VERIFY}, expires_at=until)
    assert token is not None
    temporary = Api(app, token)
    assert datetime.fromisoformat(make(temporary, scopes=["verify"])["expires_at"]) == until
    refused(temporary.post("/v1/keys", json={"scopes": ["verify"], "expires_in_days": 3}), 422, "invalid_field")
    refused(temporary.post("/v1/keys/forever/rotate"), 422, "invalid_field", "no key that it makes can last longer")


# --- tenants ---


def test_keys_of_another_tenant_are_not_there(admin: Api, services: Services) -> None:
    services.keys.create("other", Scope, key_id="theirs")
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/rotate")):
        refused(admin(method, f"/v1/keys/theirs{path}"), 404, "key_not_found")
    refused(admin.get("/v1/keys?tenant=other"), 403, "forbidden", "'tenants'")
    refused(admin.post("/v1/keys", json={"tenant": "other", "scopes": ["verify"]}), 403, "forbidden", "'tenants'")
    assert {key["tenant"] for key in admin.get("/v1/keys").get_json()["keys"]} == {"acme"}
    assert services.keys.get("theirs").sha256, "and untouched"


def test_who_minds_tenants_makes_the_first_key_of_a_new_one(api: Api) -> None:
    first = make(api, tenant="new", role="admin")
    assert first["tenant"] == "new"
    assert with_key(api, first).post("/v1/galleries", json={"id": "staff"}).status_code == 201
    assert api.get("/v1/galleries/staff").status_code == 404
    assert {key["tenant"] for key in api.get("/v1/keys").get_json()["keys"]} == {"default", "new"}
    assert [key["id"] for key in api.get("/v1/keys?tenant=new").get_json()["keys"]] == [first["id"]]
    assert api.delete(f"/v1/keys/{first['id']}").status_code == 204


def test_a_list_goes_on_page_by_page(admin: Api) -> None:
    for _ in range(6):
        make(admin, role="door")
    pages: list[list[str]] = []
    query = "limit=3"
    while query:
        page = admin.get(f"/v1/keys?{query}").get_json()
        pages.append([key["id"] for key in page["keys"]])
        query = f"limit=3&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert [len(page) for page in pages] == [3, 3, 1]
    listed = [key for page in pages for key in page]
    assert listed == sorted(set(listed))


# --- rotation and revocation ---


def test_a_rotated_key_has_a_new_secret_and_no_former_one(admin: Api) -> None:
    made = make(admin, role="door")
    rotated = admin.post(f"/v1/keys/{made['id']}/rotate").get_json()
    assert rotated["id"] == made["id"]
    assert with_key(admin, rotated).get("/v1/whoami").status_code == 200
    assert with_key(admin, made).get("/v1/whoami").status_code == 401


def test_with_grace_both_secrets_are_good_until_it_is_over(admin: Api, services: Services) -> None:
    made = make(admin, role="door")
    rotated = admin.post(f"/v1/keys/{made['id']}/rotate", json={"grace_seconds": 60}).get_json()
    assert datetime.fromisoformat(rotated["former_secret_until"]) > datetime.now(UTC) + timedelta(seconds=50)
    for each in (made, rotated):
        assert with_key(admin, each).get("/v1/whoami").status_code == 200
    _, third = services.keys.rotate(made["id"], timedelta(microseconds=1))
    assert Api(admin.app, third).get("/v1/whoami").status_code == 200
    for each in (made, rotated):
        assert with_key(admin, each).get("/v1/whoami").status_code == 401


def test_a_revoked_key_is_401_at_once(admin: Api) -> None:
    made = make(admin, role="door")
    assert admin.delete(f"/v1/keys/{made['id']}").status_code == 204
    assert with_key(admin, made).get("/v1/whoami").status_code == 401
    refused(admin.delete(f"/v1/keys/{made['id']}"), 404, "key_not_found")


def test_other_gateways_notice_a_rotation_within_the_cache_time(store: MemoryStore) -> None:
    here, there = KeyStore(store, 60), KeyStore(store, 0)
    token = here.create("acme", Scope, key_id="k1")
    there.authenticate(f"Bearer {token}")
    here.rotate("k1", timedelta())
    with pytest.raises(Unauthorized):
        there.authenticate(f"Bearer {token}")


def test_the_last_key_that_can_make_keys_stays(admin: Api, services: Services) -> None:
    own = admin.get("/v1/whoami").get_json()["key"]
    services.keys.create("acme", {Scope.ADMIN}, key_id="over", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    services.keys.create("other", {Scope.ADMIN})
    make(admin, role="door")
    refused(admin.delete(f"/v1/keys/{own}"), 409, "last_admin_key")
    second = make(admin, scopes=["admin"])
    assert admin.delete(f"/v1/keys/{own}").status_code == 204
    refused(with_key(admin, second).delete(f"/v1/keys/{second['id']}"), 409, "last_admin_key")


def test_the_last_key_that_minds_all_tenants_stays(api: Api, services: Services) -> None:
    """Without one, no tenant could be made but by revoking the keys of all."""
    owner = api.get("/v1/whoami").get_json()["key"]
    lesser = with_key(api, make(api, role="admin"))
    services.keys.create("default", {Scope.TENANTS, Scope.VERIFY})
    refused(lesser.delete(f"/v1/keys/{owner}"), 409, "last_admin_key", "every tenant")
    services.keys.create("other", Scope)
    assert lesser.delete(f"/v1/keys/{owner}").status_code == 204


def test_of_the_last_two_that_are_revoked_at_once_one_stays(
    admin: Api, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = make(admin, scopes=["admin"])
    look, own = KeyStore.keep_an_admin, services.keys.get(admin.token.split("_")[1])

    def overtaken(keys: KeyStore, key: ApiKey) -> None:
        """Between the look and the deletion somebody else revokes the other one."""
        look(keys, key)
        monkeypatch.setattr(KeyStore, "keep_an_admin", look)
        keys.delete(second["id"])

    monkeypatch.setattr(KeyStore, "keep_an_admin", overtaken)
    refused(admin.delete(f"/v1/keys/{own.id}"), 409, "last_admin_key")
    assert services.keys.get(own.id) == own
    assert admin.get("/v1/whoami").status_code == 200


def test_what_was_stored_before_keys_had_names_still_opens(app: APIFlask, store: MemoryStore) -> None:
    token = KeyStore(store, 0).create("acme", [Scope.VERIFY], key_id="old")
    stored = json.loads(store.get("keys/old.json"))
    for new in ("name", "former"):
        del stored[new]
    store.put("keys/old.json", json.dumps(stored).encode())
    assert token is not None
    assert Api(app, token).get("/v1/whoami").get_json()["name"] is None


def test_each_change_is_told_with_its_author_and_never_with_the_secret(admin: Api, redis: Redis) -> None:
    made = make(admin, role="door")
    rotated = admin.post(f"/v1/keys/{made['id']}/rotate").get_json()
    admin.delete(f"/v1/keys/{made['id']}")
    told = Outbox(redis, PREFIX).read(Reader.AUDIT)
    assert [one.kind for one in told] == ["key.created", "key.rotated", "key.revoked"]
    author = admin.get("/v1/whoami").get_json()["key"]
    assert {(one.tenant, one.actor, one.data["key"]) for one in told} == {("acme", author, made["id"])}
    text = "".join(one.model_dump_json() for one in told)
    for each in (made, rotated):
        assert each["token"][-20:] not in text
