"""Liveness as a rule of verifications and recognitions; the challenge itself: tests/integration/test_liveness.py."""

import httpx
import pytest

from gateway.client import ApiError, Client, Conflict
from tests.e2e.conftest import PHOTOS


@pytest.fixture
def obama(client: Client, gallery: str) -> str:
    client.faces.enrol(gallery, "obama", PHOTOS / "obama-1.jpg")
    return gallery


def test_liveness_is_not_looked_at_unless_asked(client: Client, obama: str) -> None:
    assert client.faces.verify(obama, "obama", PHOTOS / "obama-2.jpg").result["liveness"] is None


def test_a_report_decides_nothing_and_a_requirement_does(client: Client, obama: str) -> None:
    """Both where the networks are installed and where they are not."""
    reported = client.faces.verify(obama, "obama", PHOTOS / "obama-2.jpg", liveness="report").result
    assert reported["verdict"] == "match"
    if not client.models.liveness()["passive"]["available"]:
        assert reported["liveness"] == "unavailable"
        with pytest.raises(Conflict, match="minifasnet"):
            client.faces.verify(obama, "obama", PHOTOS / "obama-2.jpg", liveness="passive")
        with pytest.raises(Conflict, match="minifasnet"):
            client.galleries.change(obama, liveness="passive")
        return
    required = client.faces.verify(obama, "obama", PHOTOS / "obama-2.jpg", liveness="passive").result
    assert required["liveness"] == reported["liveness"]
    verdicts = {"live": "match", "spoof_suspected": "spoof_suspected"}
    assert required["verdict"] == verdicts[reported["liveness"] or ""]
    if required["verdict"] != "match":
        assert required["reason"]
        assert required["score"] is None


def test_a_gallerys_rule_cannot_be_loosened_by_a_request(client: Client, obama: str) -> None:
    client.galleries.change(obama, liveness="active")
    with pytest.raises(ApiError, match=r"liveness_session.*POST /v1/liveness-sessions"):
        client.faces.verify(obama, "obama", PHOTOS / "obama-2.jpg")
    with pytest.raises(ApiError, match="liveness_session"):
        client.faces.recognise(obama, PHOTOS / "obama-2.jpg", liveness="none")


def test_a_session_that_nobody_passed_proves_nothing(client: Client, http: httpx.Client, obama: str) -> None:
    client.galleries.change(obama, liveness="active")
    session = http.post("/v1/liveness-sessions", json={"gallery": obama}).json()
    assert session["challenge"][0]["instruction"]
    for named in (session["id"], "0" * 32):
        verified = client.faces.verify(obama, "obama", PHOTOS / "obama-2.jpg", liveness_session=named).result
        assert (verified["verdict"], verified["score"]) == ("spoof_suspected", None)
        assert "session" in (verified["reason"] or "")
        (face,) = client.faces.recognise(obama, PHOTOS / "obama-2.jpg", liveness_session=named).result["faces"]
        assert (face["verdict"], face["person"]) == ("spoof_suspected", None)


def test_a_session_that_is_not_asked_for_is_refused(client: Client, obama: str) -> None:
    with pytest.raises(ApiError, match="liveness=active"):
        client.faces.verify(obama, "obama", PHOTOS / "obama-2.jpg", liveness_session="0" * 32)
