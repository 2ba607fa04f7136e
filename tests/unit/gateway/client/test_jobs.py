"""A job's handle: its result, waiting for it, what is asked beside its files."""

import re
from typing import Any

import httpx
import pytest

from gateway.client import AsyncClient, Client, ConnectionFailed, JobFailed, JobNotFinished, JobTimeout
from gateway.client.documents import Box
from tests.unit.gateway.client.conftest import Answer, Gateway, json, problem, run_async


def job(status: str, **members: Any) -> Any:
    return json({"id": "j", "type": "verification", "status": status, "progress": None, "links": {}, **members})


DONE = job("succeeded", result={"verdict": "match"})
FAILED = job("failed", error={"code": "worker_lost", "detail": "The worker is gone."})


def test_a_job_that_is_done_in_time_is_asked_for_once(gateway: Gateway, client: Client) -> None:
    gateway.answers = [DONE]
    assert client.faces.verify("staff", "ada", b"photo").result["verdict"] == "match"
    assert [request.headers["Prefer"] for request in gateway.asked] == ["wait=25"]


def test_a_job_that_takes_longer_is_waited_for(gateway: Gateway, client: Client) -> None:
    gateway.answers = [job("queued"), job("running"), DONE]
    assert client.faces.verify("staff", "ada", b"photo").result["verdict"] == "match"
    assert [request.method for request in gateway.asked] == ["POST", "GET", "GET"]


def test_it_is_the_same_asynchronously(gateway: Gateway) -> None:
    gateway.answers = [job("queued"), job("running"), DONE]

    async def verify(client: AsyncClient) -> str:
        return (await client.faces.verify("staff", "ada", b"photo")).result["verdict"]

    assert run_async(gateway, verify) == "match"


@pytest.mark.parametrize(("timeout", "preferred"), [(20, "wait=10"), (1, None)])
def test_the_gateway_is_not_asked_to_wait_longer_than_the_call_may_take(
    gateway: Gateway, client: Client, timeout: float, preferred: str | None
) -> None:
    gateway.answers = [DONE]
    client.with_options(timeout=timeout).faces.verify("staff", "ada", b"photo")
    assert gateway.asked[0].headers.get("Prefer") == preferred


def test_who_does_not_wait_gets_the_job_at_once(gateway: Gateway, client: Client) -> None:
    gateway.answers = [job("queued")]
    started = client.faces.verify("staff", "ada", b"photo", wait=0)
    assert (started.id, started.status, started.finished) == ("j", "queued", False)
    assert "Prefer" not in gateway.asked[0].headers
    with pytest.raises(JobNotFinished, match="queued"):
        _ = started.result


def test_who_waits_too_shortly_gets_the_job_as_it_is(gateway: Gateway, client: Client) -> None:
    gateway.answers = [job("running")]
    assert client.faces.verify("staff", "ada", b"photo", wait=0.05).status == "running"


def test_a_timeout_says_that_the_job_goes_on(gateway: Gateway, client: Client) -> None:
    gateway.answers = [job("running")]
    with pytest.raises(JobTimeout, match="goes on"):
        client.jobs.wait("j", 0.05)


def test_a_gateway_that_says_nothing_is_waited_for_no_longer_than_the_job(gateway: Gateway, client: Client) -> None:
    gateway.answers = [job("running"), DONE]
    client.jobs.wait("j", 10)
    first, second = (request.extensions["timeout"]["read"] for request in gateway.asked)
    assert 9 < first <= 10
    assert 9 < second <= 10


def test_waiting_for_a_failed_job_is_no_error_but_its_result_is(gateway: Gateway, client: Client) -> None:
    gateway.answers = [job("running"), FAILED]
    found = client.jobs.wait("j")
    assert found.error == {"code": "worker_lost", "detail": "The worker is gone."}
    with pytest.raises(JobFailed, match=r"worker_lost: The worker is gone. \(job j\)"):
        _ = found.result


def test_a_gateway_that_starts_again_is_outlasted(gateway: Gateway, client: Client) -> None:
    away: list[Answer] = [*[httpx.ConnectError("refused")] * 20, problem(503, "not_ready")]
    gateway.answers = [*away, job("running"), *away, DONE]
    assert client.jobs.wait("j").result["verdict"] == "match"


def test_a_gateway_that_does_not_come_back_ends_the_wait(gateway: Gateway, client: Client) -> None:
    gateway.answers = [job("running"), httpx.ConnectError("refused")]
    with pytest.raises(ConnectionFailed):
        client.with_options(timeout=0.2).jobs.wait("j")


def test_a_job_of_a_call_with_a_key_of_ones_own_can_be_cancelled(gateway: Gateway, client: Client) -> None:
    gateway.answers = [job("queued"), job("cancelled")]
    client.with_options(idempotency_key="visit-7").stylizations.start(b"photo", "great-wave").cancel()
    made, cancelled = (request.headers["Idempotency-Key"] for request in gateway.asked)
    assert made == "visit-7"
    assert cancelled != made


@pytest.mark.parametrize("status", ["cancelled", "expired"])
def test_a_job_that_ended_early_has_no_result(gateway: Gateway, client: Client, status: str) -> None:
    gateway.answers = [job(status)]
    with pytest.raises(JobFailed) as failed:
        _ = client.jobs.get("j").result
    assert failed.value.code == status


def test_a_job_is_up_to_date_when_it_was_followed(gateway: Gateway, client: Client) -> None:
    gateway.answers = [job("queued"), json({}, 204), DONE]
    started = client.jobs.get("j")
    assert [event.event for event in started.follow()] == ["succeeded"]
    assert started.status == "succeeded"


def test_a_list_of_photos_is_several_frames(gateway: Gateway, client: Client) -> None:
    gateway.answers = [DONE] * 3
    client.faces.verify("staff", "ada", [b"one", b"two"])
    client.faces.verify("staff", None, b"one", external_id="46")
    client.faces.recognise("staff", (b"one", b"two"), top_k=1)
    several, single, searched = (fields(request.content.decode()) for request in gateway.asked)
    assert several == [("person", "ada"), ("images", "one"), ("images", "two")]
    assert single == [("external_id", "46"), ("image", "one")]
    assert searched == [("top_k", "1"), ("images", "one"), ("images", "two")]


def test_a_box_of_an_answer_says_which_face_is_meant(gateway: Gateway, client: Client) -> None:
    gateway.answers = [DONE] * 3
    box: Box = {"x": -1.25, "y": 2.0, "width": 1e2, "height": 0.00004 + 33}
    client.faces.enrol("staff", "ada", b"photo", box=box)
    client.faces.compare(b"a", b"b", box_b=box, face_a=1)
    client.faces.verify("staff", "ada", b"photo", box="1,2,3,4")
    sent = [dict(fields(request.content.decode())) for request in gateway.asked]
    assert sent[0]["box"] == sent[1]["box_b"] == "-1.250,2.000,100.000,33.000"
    assert (sent[1]["face_a"], sent[2]["box"]) == ("1", "1,2,3,4")


def test_options_become_fields(gateway: Gateway, client: Client) -> None:
    gateway.answers = [DONE]
    client.faces.recognise("staff", b"photo", top_k=2, thorough=True, device="door")
    client.stylizations.start(b"photo", ["great-wave", b"mine"], style_weights=[0.7, 0.3], strength=0.5, tiled=False)
    recognised, painted = (fields(request.content.decode()) for request in gateway.asked)
    assert recognised == [("top_k", "2"), ("thorough", "true"), ("device", "door"), ("image", "photo")]
    assert painted == [
        ("style_weights", "[0.7, 0.3]"),
        ("strength", "0.5"),
        ("tiled", "false"),
        ("style_id", "great-wave"),
        ("content", "photo"),
        ("style", "mine"),
    ]


def test_the_files_of_a_report_have_their_names(gateway: Gateway, client: Client) -> None:
    links = {"report": ["/v1/jobs/j/report/report.json", "/v1/jobs/j/report/report.md"]}
    gateway.answers = [job("succeeded", links=links, result={}), json({"a": 1})]
    assert set(client.jobs.get("j").report()) == {"report.json", "report.md"}


def fields(form: str) -> list[tuple[str, str]]:
    return re.findall(r'name="(\w+)".*?\r\n\r\n(.*?)\r\n--', form, flags=re.DOTALL)
