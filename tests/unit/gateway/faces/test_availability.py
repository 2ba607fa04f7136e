"""Liveness is promised only where it can be checked: what the face workers say decides rules and requests."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from gateway.context import Services
from shared.galleries.store import GalleryStore
from shared.presence import Capability
from shared.queue import Queue
from shared.schemas import LivenessRequirement
from tests.unit.gateway.conftest import PHOTO, Api, FakeWorker

FACES = (Queue.FACE_INTERACTIVE, Queue.FACE_BULK)
LACKS = (Capability.PASSIVE_LIVENESS,)
WEIGHTS = "minifasnet-v2 and minifasnet-v1se"


@pytest.fixture
def able(services: Services) -> None:
    services.presence.beat("face@one", FACES)


@pytest.fixture
def unable(services: Services) -> None:
    services.presence.beat("face@one", FACES, LACKS)


def told(api: Api) -> Any:
    return api.get("/v1/models").get_json()["liveness"]


def verify(api: Api, **fields: str) -> TestResponse:
    return api.upload("/v1/galleries/staff/verifications", {"person": "ada", **fields}, image=PHOTO)


def recognise(api: Api, **fields: str) -> TestResponse:
    return api.upload("/v1/galleries/staff/recognitions", fields, image=PHOTO)


def refusal(answer: TestResponse) -> str:
    problem = answer.get_json(force=True)
    assert (answer.status_code, problem["code"]) == (409, "liveness_unavailable")
    return str(problem["detail"])


@pytest.mark.usefixtures("able")
def test_both_checks_are_there_where_the_networks_are(api: Api) -> None:
    assert told(api) == {"passive": {"available": True}, "active": {"available": True}}


@pytest.mark.usefixtures("unable")
def test_without_the_networks_the_models_say_what_is_missing(api: Api) -> None:
    assert told(api)["active"] == {"available": True}
    assert told(api)["passive"]["available"] is False
    for word in (WEIGHTS, "make weights", "docs/liveness.md"):
        assert word in told(api)["passive"]["reason"]


@pytest.mark.usefixtures("unable")
def test_a_check_that_only_some_workers_can_make_is_not_available(api: Api, services: Services) -> None:
    services.presence.beat("face@two", FACES)
    assert "1 of 2 face workers" in told(api)["passive"]["reason"]


def test_where_no_face_worker_runs_nobody_can_say(api: Api, services: Services) -> None:
    services.presence.beat("style@one", [Queue.STYLE_INTERACTIVE])
    for check in ("passive", "active"):
        assert told(api)[check]["available"] is False
        assert "face worker" in told(api)[check]["reason"]


@pytest.mark.usefixtures("unable")
def test_a_worker_that_has_left_is_not_waited_for(api: Api, services: Services) -> None:
    services.presence.beat("face@two", FACES)
    services.presence.leave("face@one", FACES)
    assert told(api)["passive"] == {"available": True}


@pytest.mark.usefixtures("unable")
def test_a_gallery_cannot_be_made_with_a_rule_that_nobody_can_meet(api: Api) -> None:
    assert WEIGHTS in refusal(api.post("/v1/galleries", json={"id": "door", "liveness": "passive"}))
    assert api.get("/v1/galleries/door").status_code == 404
    for rule in ("none", "report", "active"):
        assert api.post("/v1/galleries", json={"id": rule, "liveness": rule}).status_code == 201


@pytest.mark.usefixtures("unable")
def test_nor_be_given_one(api: Api, staff: str) -> None:
    assert WEIGHTS in refusal(api("PATCH", f"/v1/galleries/{staff}", json={"liveness": "passive"}))
    assert api.get(f"/v1/galleries/{staff}").get_json()["liveness"] == "none"


@pytest.mark.parametrize("rule", ["passive", "active"])
def test_where_no_face_worker_runs_no_rule_is_promised(api: Api, staff: str, rule: str) -> None:
    assert "face worker" in refusal(api("PATCH", f"/v1/galleries/{staff}", json={"liveness": rule}))


@pytest.mark.usefixtures("able")
@pytest.mark.parametrize("rule", ["passive", "active"])
def test_a_rule_that_can_be_met_is_taken(api: Api, staff: str, rule: str) -> None:
    assert api("PATCH", f"/v1/galleries/{staff}", json={"liveness": rule}).get_json()["liveness"] == rule


@pytest.mark.usefixtures("unable")
def test_a_rule_that_is_there_already_stops_no_other_change_and_can_be_taken_away(
    api: Api, staff: str, galleries: GalleryStore
) -> None:
    strict = {"liveness": LivenessRequirement.PASSIVE}
    galleries.update_gallery("default", staff, lambda gallery: gallery.model_copy(update=strict))
    changed = api("PATCH", f"/v1/galleries/{staff}", json={"templates_per_person": 3, "liveness": "passive"})
    assert (changed.status_code, changed.get_json()["templates_per_person"]) == (200, 3)
    assert api("PATCH", f"/v1/galleries/{staff}", json={"liveness": "none"}).status_code == 200


@pytest.mark.usefixtures("staff", "unable")
def test_a_request_that_asks_for_it_in_vain_is_refused_at_once(api: Api, worker: FakeWorker) -> None:
    for answer in (verify(api, liveness="passive"), recognise(api, liveness="passive")):
        assert WEIGHTS in refusal(answer)
    assert worker.published == []
    assert verify(api, liveness="report").status_code == 202
    assert recognise(api).status_code == 202


@pytest.mark.usefixtures("unable")
def test_a_gallerys_own_rule_is_left_to_the_worker(api: Api, staff: str, galleries: GalleryStore) -> None:
    """Its answer is the verdict `liveness_unavailable`, which never opens a door."""
    strict = {"liveness": LivenessRequirement.PASSIVE}
    galleries.update_gallery("default", staff, lambda gallery: gallery.model_copy(update=strict))
    assert verify(api).status_code == recognise(api).status_code == 202


@pytest.mark.usefixtures("staff")
def test_a_request_waits_for_a_worker_that_may_be_able(api: Api) -> None:
    assert verify(api, liveness="passive").status_code == 202
