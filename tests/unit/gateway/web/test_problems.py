"""Every error is a problem document, and tells nobody what is inside."""

import json
import re
from dataclasses import replace

import pytest
import structlog
from apiflask import APIFlask
from apiflask import HTTPError as ApiFlaskError
from werkzeug.exceptions import ServiceUnavailable

from gateway import errors
from gateway.app import create_app
from gateway.auth import KeyStore, Scope
from gateway.context import Services
from gateway.errors import HTTP_CODES, STATUS, status_of
from gateway.web.operations import Operation, operation
from gateway.web.problems import PROBLEM_TYPE
from shared import errors as tree
from shared.errors import LikenessError
from shared.settings import Settings
from shared.storage.store import MemoryStore
from tests.unit.gateway.conftest import PHOTO, Api

SECRET = "what-nobody-may-see"


@pytest.fixture
def app(settings: Settings, services: Services) -> APIFlask:
    """Its own, since it is given another route."""
    return create_app(settings, services)


def failing(app: APIFlask, error: Exception) -> APIFlask:
    """The application with a route that raises."""

    @operation(Operation({}, public=True))
    def fail() -> str:
        raise error

    app.add_url_rule("/fail", view_func=fail)
    return app


def classes(root: type[LikenessError]) -> set[type[LikenessError]]:
    return {root}.union(*(classes(child) for child in root.__subclasses__()))


@pytest.mark.parametrize("error", sorted(classes(LikenessError), key=str))
def test_every_error_of_the_tree_has_a_status(error: type[LikenessError]) -> None:
    faults = (tree.InvalidInput, tree.NotFound, tree.Conflict, errors.Unauthorized, errors.Forbidden)
    inputs = (*faults, errors.TooManyRequests)
    status = status_of(error)
    assert (400 <= status < 500) == issubclass(error, inputs)
    assert status in STATUS.values()


def test_codes_are_unique_and_stable_words() -> None:
    codes = [error.code for error in classes(LikenessError) if error.__module__ in {tree.__name__, errors.__name__}]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[a-z0-9_]+", code) for code in codes)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(SECRET),
        KeyError(SECRET),
        tree.ConfigurationError(SECRET),
        tree.WeightsNotFound(SECRET),
        ServiceUnavailable(SECRET),
    ],
    ids=repr,
)
def test_the_unexpected_is_500_logged_once_and_hides_internals(app: APIFlask, error: Exception) -> None:
    with structlog.testing.capture_logs() as logs:
        answer = failing(app, error).test_client().get("/fail", headers={"X-Request-Id": "r-1"})
    body = json.loads(answer.text)
    assert (answer.status_code, answer.content_type) == (500, PROBLEM_TYPE)
    assert (body["code"], body["request_id"]) == ("internal_error", "r-1")
    assert SECRET not in answer.text
    assert "Traceback" not in answer.text
    (logged,) = (line for line in logs if line["event"] == "unexpected error")
    assert logged["exc_info"] is error
    assert logged["request_id"] == "r-1"


def test_a_store_that_raises_anything_is_500_and_leaves_no_job(settings: Settings, services: Services) -> None:
    class Bad(MemoryStore):
        def put(self, *_: object) -> None:
            raise ZeroDivisionError(SECRET)

    store = Bad()
    keys = KeyStore(store, 0)
    broken = replace(services, store=store, keys=keys)
    token = keys.create("default", Scope)
    assert token is not None
    answer = Api(create_app(settings, broken), token).upload("/v1/comparisons", image_a=PHOTO, image_b=PHOTO)
    assert answer.status_code == 500
    assert SECRET not in answer.text
    assert services.jobs.recent("default") == []


def test_an_apiflask_validation_error_is_a_problem(app: APIFlask) -> None:
    error = ApiFlaskError(422, "Validation error", {"json": {"size": ["Too large."]}})
    answer = failing(app, error).test_client().get("/fail")
    body = json.loads(answer.text)
    assert answer.content_type == PROBLEM_TYPE
    assert (body["status"], body["code"], body["detail"]) == (422, "invalid_field", "size: Too large.")


def test_an_unknown_path_is_404(api: Api) -> None:
    for path in ("/nowhere", "/v1", "/v1/nowhere", "/static/x", "/v1/galleries/a/b/c/d"):
        answer = api.get(path)
        body = json.loads(answer.text)
        assert (answer.status_code, answer.content_type) == (404, PROBLEM_TYPE)
        assert (body["code"], body["instance"]) == ("not_found", path)
        assert path in body["detail"]


def test_an_unknown_method_is_405_and_names_those_there_are(api: Api) -> None:
    answer = api.delete("/v1/comparisons")
    assert answer.status_code == 405
    assert answer.get_json(force=True)["code"] == "method_not_allowed"
    assert set(answer.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


def test_a_problem_says_what_and_where(api: Api) -> None:
    body = api.get("/v1/jobs/none", headers={"X-Request-Id": "abc"}).get_json(force=True)
    assert body == {
        "type": "urn:likeness:problem:job_not_found",
        "title": "Job not found",
        "status": 404,
        "detail": body["detail"],
        "code": "job_not_found",
        "instance": "/v1/jobs/none",
        "request_id": "abc",
    }


def test_codes_of_werkzeugs_refusals_are_named() -> None:
    assert set(HTTP_CODES) >= {400, 404, 405, 413, 415}


# --- headers and the log ---


@pytest.mark.parametrize("path", ["/healthz", "/v1/jobs", "/nowhere", "/docs"])
def test_every_answer_names_its_request_and_forbids_sniffing(api: Api, path: str) -> None:
    answer = api.get(path)
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-Id"])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert (answer.headers.get("Cache-Control") == "no-store") == path.startswith("/v1/")


@pytest.mark.parametrize("sent", ["a b", "x" * 65, "<script>", "", "naïve"])
def test_a_request_id_that_is_none_is_replaced(api: Api, sent: str) -> None:
    answer = api.get("/healthz", headers={"X-Request-Id": sent})
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-Id"])


def test_one_line_is_logged_for_a_request_and_it_holds_no_key(api: Api) -> None:
    with structlog.testing.capture_logs() as logs:
        api.upload("/v1/comparisons", image_a=PHOTO, image_b=PHOTO, headers={"X-Request-Id": "r-2"})
    (line,) = logs
    assert line.pop("ms") > 0
    assert re.fullmatch(r"[0-9a-f]{32}", line.pop("trace"))
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "POST",
        "route": "/v1/comparisons",
        "status": 202,
        "request_id": "r-2",
        "tenant": "default",
        "key": api.token.split("_")[1],
    }
    assert api.token not in str(logs)


def test_the_logged_route_is_the_pattern_not_the_path(api: Api) -> None:
    with structlog.testing.capture_logs() as logs:
        api.get("/v1/galleries/secret-name")
        api.get("/nowhere")
    assert [line["route"] for line in logs] == ["/v1/galleries/<id:gallery>", None]


def test_a_refused_request_is_logged_without_a_caller(app: APIFlask) -> None:
    with structlog.testing.capture_logs() as logs:
        app.test_client().get("/v1/jobs", buffered=True)
    (line,) = logs
    assert (line["status"], line["tenant"], line["key"]) == (401, None, None)
