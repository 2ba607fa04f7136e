"""What is another tenant's is not there."""

import pytest

from tests.unit.gateway.conftest import PHOTO, Api, FakeWorker, MakeApi, stylised


@pytest.fixture
def stranger(make_api: MakeApi) -> Api:
    return make_api("other")


GALLERY_ROUTES = [
    "GET /v1/galleries/staff",
    "DELETE /v1/galleries/staff",
    "GET /v1/galleries/staff/persons",
    "PUT /v1/galleries/staff/persons/ada",
    "GET /v1/galleries/staff/persons/ada",
    "DELETE /v1/galleries/staff/persons/ada",
    "DELETE /v1/galleries/staff/persons/ada/faces/f1",
]
UPLOADS = {
    "/v1/galleries/staff/persons/ada/faces": {},
    "/v1/galleries/staff/verifications": {"person": "ada"},
    "/v1/galleries/staff/recognitions": {},
}


@pytest.mark.usefixtures("staff")
@pytest.mark.parametrize("route", GALLERY_ROUTES)
def test_another_tenants_gallery_is_404(stranger: Api, api: Api, route: str) -> None:
    method, path = route.split()
    answer = stranger(method, path)
    assert answer.status_code == 404
    assert answer.get_json()["code"] in {"gallery_not_found", "person_not_found"}
    assert api.get("/v1/galleries/staff/persons/ada").get_json()["faces"], "and untouched"


@pytest.mark.usefixtures("staff")
@pytest.mark.parametrize("path", UPLOADS)
def test_another_tenants_gallery_takes_no_pictures(stranger: Api, path: str) -> None:
    answer = stranger.upload(path, UPLOADS[path], image=PHOTO)
    assert (answer.status_code, answer.get_json()["code"]) == (404, "gallery_not_found")


@pytest.mark.usefixtures("staff")
def test_lists_hold_ones_own_only(api: Api, stranger: Api) -> None:
    api.upload("/v1/comparisons", image_a=PHOTO, image_b=PHOTO)
    assert stranger.get("/v1/galleries").get_json()["galleries"] == []
    assert stranger.get("/v1/jobs").get_json()["jobs"] == []


def test_two_tenants_may_have_galleries_of_one_name(api: Api, stranger: Api) -> None:
    for each in (api, stranger):
        assert each.post("/v1/galleries", json={"id": "mine"}).status_code == 201
    stranger.put("/v1/galleries/mine/persons/eve")
    assert api.get("/v1/galleries/mine/persons").get_json()["persons"] == []


@pytest.mark.parametrize("route", ["GET {}", "POST {}/cancel", "GET {}/events", "GET {}/image"])
def test_another_tenants_job_is_404(api: Api, stranger: Api, worker: FakeWorker, route: str) -> None:
    job = api.upload("/v1/stylizations", {"style_id": "poppies"}, content=PHOTO).get_json()
    method, path = route.format(job["links"]["self"]).split()
    answer = stranger(method, path)
    assert (answer.status_code, answer.get_json()["code"]) == (404, "job_not_found")
    worker.succeed(stylised)


def test_uploads_lie_under_their_tenant(stranger: Api, worker: FakeWorker) -> None:
    stranger.upload("/v1/comparisons", image_a=PHOTO, image_b=PHOTO)
    job = worker.claim()
    assert job.tenant == "other"
    assert job.payload["image_a_key"] == f"uploads/other/{job.id}/image_a"
