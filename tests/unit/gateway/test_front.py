"""What browsers are told: headers that protect, and which pages may call."""

import pytest
from apiflask import APIFlask
from redis import Redis

from gateway.app import create_app
from gateway.wsgi import assemble
from shared.errors import ConfigurationError
from shared.settings import FrontSettings, Settings, load_settings
from shared.storage.store import MemoryStore
from tests.unit.gateway.conftest import Api

APP = "https://app.example.com"
EXPECTED = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@pytest.fixture
def open_app(settings: Settings, store: MemoryStore, redis: Redis) -> APIFlask:
    """Of a gateway that pages of one origin may call, by https."""
    front = FrontSettings(cors_origins=f"{APP}, http://localhost:3000", https=True)
    changed = settings.model_copy(update={"front": front})
    return create_app(changed, assemble(changed, store, redis, lambda *_: None))


@pytest.mark.parametrize("path", ["/healthz", "/v1/galleries", "/nowhere", "/v1/whoami"])
def test_every_answer_protects_itself(app: APIFlask, api: Api, path: str) -> None:
    for answer in (api.get(path), app.test_client().get(path)):
        assert {name: answer.headers.get(name) for name in EXPECTED} == EXPECTED
        assert "Set-Cookie" not in answer.headers


def test_answers_about_people_are_not_stored_on_the_way(api: Api) -> None:
    assert api.get("/v1/galleries").headers["Cache-Control"] == "no-store"


def test_https_is_insisted_on_only_where_there_is_https(app: APIFlask, open_app: APIFlask) -> None:
    def hsts(of: APIFlask, **headers: str) -> str | None:
        return of.test_client().get("/healthz", headers=headers).headers.get("Strict-Transport-Security")

    assert hsts(app) is None
    assert hsts(app, **{"X-Forwarded-Proto": "https"}) == "max-age=31536000"
    assert hsts(open_app) == "max-age=31536000"


@pytest.mark.parametrize("origin", [APP, "http://localhost:3000"])
def test_a_page_of_an_allowed_origin_may_ask_and_read(open_app: APIFlask, origin: str) -> None:
    client = open_app.test_client()
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "prefer"}
    preflight = client.options("/v1/comparisons", headers=asked)
    assert preflight.status_code == 204, "before anybody asks for a key"
    assert preflight.headers["Access-Control-Allow-Origin"] == origin
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    for name in ("Authorization", "Content-Type", "Idempotency-Key", "Prefer", "Last-Event-ID"):
        assert name in preflight.headers["Access-Control-Allow-Headers"]
    answer = client.get("/v1/whoami", headers={"Origin": origin})
    assert answer.status_code == 401
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    for name in ("Location", "Retry-After", "RateLimit", "X-Request-Id"):
        assert name in answer.headers["Access-Control-Expose-Headers"]
    assert "Origin" in answer.headers["Vary"]


def test_credentials_and_any_origin_are_never_allowed(open_app: APIFlask) -> None:
    for origin in (APP, "https://evil.example", "null"):
        answer = open_app.test_client().get("/healthz", headers={"Origin": origin})
        assert answer.headers.get("Access-Control-Allow-Origin") in {None, APP}
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin", ["https://evil.example", f"{APP}.evil.example", "null", "https://app.example.com:8443"]
)
def test_a_page_of_another_origin_is_told_nothing(open_app: APIFlask, origin: str) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    preflight = open_app.test_client().options("/v1/comparisons", headers=asked)
    assert preflight.status_code == 401
    assert not [name for name in preflight.headers if name[0].startswith("Access-Control")]
    assert "Origin" in preflight.headers["Vary"], "so that no cache gives one page the answer of another"


def test_by_default_no_page_may(app: APIFlask) -> None:
    answer = app.test_client().get("/healthz", headers={"Origin": APP})
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("origins", ["*", "app.example.com", f"{APP}/", f"{APP}, *", "https://*.example.com"])
def test_an_origin_is_named_in_full(settings: Settings, origins: str) -> None:
    with pytest.raises(ConfigurationError, match="LIKENESS_FRONT__CORS_ORIGINS"):
        load_settings(**settings.model_dump(include={"redis", "s3"}), front={"cors_origins": origins})
