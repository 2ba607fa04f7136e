"""A gallery's access rules: set, changed in part, refused by name; and what requests take from them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.galleries.store import GalleryStore
from shared.ml.face.verification import Verdict
from shared.schemas import Gallery, RecognitionResult, VerificationResult
from shared.storage.store import MemoryStore
from tests.unit.gateway.conftest import MATCH, MODEL, PHOTO, RECOGNISED, Api, FakeWorker
from tests.unit.gateway.test_measuring import calibration

GALLERY = "/v1/galleries/staff"
VERIFY = f"{GALLERY}/verifications"
RECOGNISE = f"{GALLERY}/recognitions"
HOURS = [{"days": ["mon", "fri"], "from": "08:00", "to": "18:00"}]

pytestmark = pytest.mark.usefixtures("staff")


def patch(api: Api, **access: Any) -> Any:
    return api("PATCH", GALLERY, json={"access": access})


def test_without_rules_everybody_may_pass_always(api: Api) -> None:
    access = api.get(GALLERY).get_json()["access"]
    assert access == {
        "verification_policy": None,
        "identification_policy": None,
        "timezone": "UTC",
        "opening_hours": [],
        "closed": [],
        "groups": [],
        "devices": {},
        "known_devices_only": False,
    }


def test_a_gallery_is_made_with_rules(api: Api) -> None:
    access = {"opening_hours": HOURS, "timezone": "Europe/Athens", "devices": {"gate": {"groups": ["guests"]}}}
    made = api.post("/v1/galleries", json={"id": "door", "access": access}).get_json()["access"]
    assert (made["opening_hours"], made["timezone"]) == (HOURS, "Europe/Athens")
    assert made["devices"] == {"gate": {"groups": ["guests"], "opening_hours": None}}
    assert api.get("/v1/galleries/door").get_json()["access"] == made


def test_a_form_carries_rules_as_json_text(api: Api) -> None:
    made = api.upload("/v1/galleries", {"id": "door", "access": '{"groups": ["staff"]}'})
    assert (made.status_code, made.get_json()["access"]["groups"]) == (201, ["staff"])


def test_rules_left_out_of_a_change_stay(api: Api) -> None:
    patch(api, groups=["staff"], opening_hours=HOURS)
    changed = patch(api, groups=[]).get_json()["access"]
    assert (changed["groups"], changed["opening_hours"]) == ([], HOURS)
    untouched = api("PATCH", GALLERY, json={"templates_per_person": 3}).get_json()["access"]
    assert untouched == changed


@pytest.mark.parametrize(
    ("access", "said"),
    [
        *[({"timezone": zone}, "IANA") for zone in ("", "Mars/Olympus", "../../etc/passwd", "Europe", "localtime")],
        *[({"timezone": zone}, "IANA") for zone in ("/etc/localtime", "utc ", "Factory")],
        (
            {"opening_hours": [{"days": ["mon"], "from": "8", "to": "18:00"}]},
            "`access.opening_hours.from` must be a time",
        ),
        ({"opening_hours": [{"days": ["monday"], "from": "08:00", "to": "18:00"}]}, "`access.opening_hours.days`"),
        ({"opening_hours": [{"days": [], "from": "08:00", "to": "18:00"}]}, "mon, tue"),
        ({"opening_hours": [{"from": "08:00", "to": "18:00"}]}, "`access.opening_hours.days` is missing"),
        ({"opening_hours": HOURS * 60}, "`access.opening_hours`"),
        ({"devices": {"gate": {"colour": "red"}}}, "no field `access.devices.gate.colour`"),
        ({"devices": {"gate": {"groups": "staff"}}}, "`access.devices.gate.groups`"),
        ({"groups": None}, "`access.groups`"),
        ({"closed": ["tomorrow"]}, "`access.closed`"),
        ({"known_devices_only": "no"}, "true or false"),
        ({"open": True}, "the fields are: verification_policy"),
    ],
)
def test_a_wrong_rule_is_refused_by_name_and_changes_nothing(api: Api, access: dict[str, Any], said: str) -> None:
    before = api.get(GALLERY).get_json()
    answer = patch(api, **access)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_field")
    assert said in answer.get_json()["detail"]
    assert api.get(GALLERY).get_json() == before


@pytest.mark.parametrize("device", ["../gate", "", "a" * 65])
def test_a_device_has_an_id(api: Api, device: str) -> None:
    answer = patch(api, devices={device: {}})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_id")
    for path, fields in ((VERIFY, {"person": "ada"}), (RECOGNISE, {}), (f"{GALLERY}/persons/ada/faces", {})):
        sent = api.upload(path, {**fields, "device": device}, image=PHOTO)
        assert (sent.status_code, sent.get_json()["code"]) == (422, "invalid_id")


def test_the_device_reaches_the_worker(api: Api, worker: FakeWorker) -> None:
    for path, fields in ((VERIFY, {"person": "ada"}), (RECOGNISE, {}), (f"{GALLERY}/persons/ada/faces", {})):
        api.upload(path, {**fields, "device": "gate"}, image=PHOTO)
        assert worker.claim().payload["device"] == "gate"


# --- policies ---


def test_a_gallerys_policy_is_the_default_of_its_requests(api: Api, worker: FakeWorker) -> None:
    patch(api, verification_policy="verify-fmr-1e-5", identification_policy="identify-fpir-1e-1")
    api.upload(VERIFY, {"person": "ada"}, image=PHOTO)
    api.upload(RECOGNISE, image=PHOTO)
    assert [worker.claim().payload["policy"] for _ in range(2)] == ["verify-fmr-1e-5", "identify-fpir-1e-1"]


def test_a_request_may_name_another_one(api: Api, worker: FakeWorker) -> None:
    patch(api, verification_policy="verify-fmr-1e-3")
    api.upload(VERIFY, {"person": "ada", "policy": "verify-fmr-1e-5"}, image=PHOTO)
    assert worker.claim().payload["policy"] == "verify-fmr-1e-5"


def test_a_zone_that_is_no_longer_known_stops_no_other_change(api: Api, galleries: GalleryStore) -> None:
    old = galleries.get_gallery("default", "staff")
    gone = old.model_copy(update={"access": old.access.model_copy(update={"timezone": "Europe/Nowhere"})})
    galleries.update_gallery("default", "staff", lambda _: gone)
    assert patch(api, groups=["staff"]).get_json()["access"]["timezone"] == "Europe/Nowhere"
    assert patch(api, timezone="UTC").status_code == 200
    assert patch(api, timezone="Europe/Nowhere").status_code == 422


@pytest.mark.parametrize(
    "access",
    [
        {"verification_policy": "lax"},
        {"identification_policy": "verify-fmr-1e-3"},
        {"verification_policy": ""},
        {"identification_policy": ""},
    ],
)
def test_rules_name_policies_that_there_are(api: Api, access: dict[str, str]) -> None:
    for answer in (patch(api, **access), api.post("/v1/galleries", json={"id": "door", "access": access})):
        assert (answer.status_code, answer.get_json()["code"]) == (422, "unknown_policy")


@pytest.mark.parametrize(("path", "fields"), [(VERIFY, {"person": "ada"}), (RECOGNISE, {})])
def test_no_request_has_a_policy_without_a_name(api: Api, path: str, fields: dict[str, str]) -> None:
    answer = api.upload(path, {**fields, "policy": ""}, image=PHOTO)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "unknown_policy")


def test_a_calibrated_policy_is_not_forgotten_while_the_rules_name_it(api: Api, galleries: GalleryStore) -> None:
    made = calibration()
    galleries.update_gallery("default", "staff", lambda gallery: gallery.with_calibration(made))
    assert patch(api, verification_policy=made.policy).status_code == 200
    path = f"{GALLERY}/calibrations/{made.policy}"
    refused = api.delete(path)
    assert (refused.status_code, refused.get_json()["code"]) == (409, "conflict")
    patch(api, verification_policy=None)
    assert api.delete(path).status_code == 204


def test_a_general_policys_calibration_is_forgotten_whoever_names_it(api: Api, galleries: GalleryStore) -> None:
    made = calibration("verify-fmr-1e-4")
    galleries.update_gallery("default", "staff", lambda gallery: gallery.with_calibration(made))
    patch(api, verification_policy=made.policy)
    assert api.delete(f"{GALLERY}/calibrations/{made.policy}").status_code == 204


def test_a_policy_that_is_no_longer_known_stops_requests_but_no_other_change(api: Api, galleries: GalleryStore) -> None:
    """After a move to another model, for example. Nobody passes by a threshold that was not meant."""
    stale = Gallery.model_validate(
        {**galleries.get_gallery("default", "staff").model_dump(), "access": {"verification_policy": "verify-fmr-2e-4"}}
    )
    galleries.update_gallery("default", "staff", lambda _: stale)
    answer = api.upload(VERIFY, {"person": "ada"}, image=PHOTO)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "unknown_policy")
    assert patch(api, groups=["staff"]).status_code == 200


# --- what was stored before there were rules ---


def test_a_gallery_without_rules_on_record_is_read(api: Api, store: MemoryStore) -> None:
    key = "galleries/default/old/gallery.json"
    made = Gallery(id="old", created_at=datetime.now(UTC), model=MODEL).model_dump_json(exclude={"access"})
    store.put(key, made.encode())
    assert api.get("/v1/galleries/old").get_json()["access"]["opening_hours"] == []


@pytest.mark.parametrize("result", [MATCH, RECOGNISED])
def test_an_answer_without_a_decision_on_record_is_read(
    api: Api, worker: FakeWorker, result: VerificationResult | RecognitionResult
) -> None:
    path, fields = (VERIFY, {"person": "ada"}) if isinstance(result, VerificationResult) else (RECOGNISE, {})
    job = api.upload(path, fields, image=PHOTO).get_json()
    worker.succeed(result)
    answer = api.get(job["links"]["self"]).get_json()["result"]
    assert answer["verdict"] in {Verdict.MATCH, Verdict.RECOGNISED}
    assert (answer["decision"], answer["denial"]) == (None, None)
