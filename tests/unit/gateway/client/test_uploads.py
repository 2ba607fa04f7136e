"""How files travel: within the request, or by way of the object store."""

import io
from pathlib import Path

import httpx
import pytest

from gateway.client import ApiError, AsyncClient, Client
from gateway.client._async.uploads import LARGE_BYTES
from tests.unit.gateway.client.conftest import Gateway, json, problem, run_async

JOB = json({"id": "j", "status": "queued"}, 202)
ROOM = {
    "id": "u",
    "reference": "upload:u",
    "method": "PUT",
    "url": "https://store.test/room?signature=1",
    "headers": {"Content-Type": "application/octet-stream"},
    "expires_at": "2026-11-22T00:00:00Z",
}
STORED = httpx.Response(200)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "photos.zip"
    path.write_bytes(b"\xff" * (LARGE_BYTES + 1))
    return path


def test_a_small_file_goes_within_its_request(gateway: Gateway, client: Client, tmp_path: Path) -> None:
    photo = tmp_path / "ada.jpg"
    photo.write_bytes(b"photo")
    gateway.answers = [JOB]
    for image, name in ((photo, "ada.jpg"), (b"photo", "file"), (io.BytesIO(b"photo"), "file")):
        client.faces.enrol("staff", "ada", image, wait=0)
        body = gateway.asked[-1].content
        assert f'name="image"; filename="{name}"'.encode() in body
        assert b"\r\n\r\nphoto\r\n" in body


def test_a_large_file_goes_to_the_object_store_without_the_key(gateway: Gateway, client: Client, large: Path) -> None:
    gateway.answers = [json(ROOM, 201), STORED, JOB]
    client.measuring.evaluate("staff", large)
    announced, stored, started = gateway.asked
    assert announced.url.path == "/v1/uploads"
    assert announced.content == b'{"bytes":%d,"media_type":"application/zip"}' % (LARGE_BYTES + 1)
    assert (stored.method, stored.url.host) == ("PUT", "store.test")
    assert stored.content == large.read_bytes()
    assert stored.headers["Content-Length"] == str(LARGE_BYTES + 1)
    assert "Authorization" not in stored.headers
    assert b'name="archive"\r\n\r\nupload:u\r\n' in started.content


def test_it_is_the_same_asynchronously(gateway: Gateway, large: Path) -> None:
    gateway.answers = [json(ROOM, 201), STORED, JOB]

    async def start(client: AsyncClient) -> str:
        return (await client.measuring.evaluate("staff", large)).id

    assert run_async(gateway, start) == "j"
    assert gateway.asked[1].content == large.read_bytes()
    assert b"upload:u" in gateway.asked[2].content


def test_a_call_with_a_key_of_the_callers_has_the_same_content_when_it_is_repeated(
    gateway: Gateway, client: Client, large: Path
) -> None:
    gateway.answers = [JOB]
    client.with_options(idempotency_key="mine").measuring.evaluate("staff", large)
    (started,) = gateway.asked
    assert started.headers["Idempotency-Key"] == "mine"
    assert large.read_bytes() in started.content


@pytest.mark.parametrize("refusal", [problem(404, "not_found"), problem(405, "method_not_allowed")])
def test_a_gateway_without_uploads_gets_the_file_itself(
    gateway: Gateway, client: Client, large: Path, refusal: httpx.Response
) -> None:
    gateway.answers = [refusal, JOB]
    client.measuring.evaluate("staff", large)
    assert large.read_bytes() in gateway.asked[1].content


def test_an_object_store_out_of_reach_gets_nothing(gateway: Gateway, client: Client, large: Path) -> None:
    gateway.answers = [json(ROOM, 201), httpx.ConnectError("no route"), JOB]
    client.measuring.evaluate("staff", large)
    assert large.read_bytes() in gateway.asked[2].content


def test_an_upload_that_is_refused_is_an_error(gateway: Gateway, client: Client, large: Path) -> None:
    gateway.answers = [problem(413, "upload_too_large")]
    with pytest.raises(ApiError, match="upload_too_large"):
        client.measuring.evaluate("staff", large)
    gateway.answers = [json(ROOM, 201), httpx.Response(403)]
    with pytest.raises(ApiError, match="upload_failed"):
        client.measuring.evaluate("staff", large)


def test_a_name_instead_of_a_path_is_said_to_be_one(gateway: Gateway, client: Client) -> None:
    with pytest.raises(TypeError, match=r"Path\('ada\.jpg'\)"):
        client.faces.enrol("staff", "ada", "ada.jpg")  # type: ignore[arg-type]
    assert gateway.asked == []


def test_several_files_of_a_field_keep_their_order(gateway: Gateway, client: Client) -> None:
    gateway.answers = [JOB]
    client.faces.answer_liveness("s", [b"one", b"two", b"three"], wait=0)
    body = gateway.asked[0].content
    assert body.count(b'name="frames"') == 3
    assert body.index(b"one") < body.index(b"two") < body.index(b"three")
